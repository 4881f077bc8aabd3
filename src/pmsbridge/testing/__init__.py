"""For tests: a back office in memory, fault injection, a clock driven by hand."""
