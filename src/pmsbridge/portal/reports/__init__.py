"""Figures of customers as files: a workbook, and a page with charts that needs nothing from elsewhere."""
