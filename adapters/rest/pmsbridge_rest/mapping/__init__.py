"""The mapping format ``pmsmap: 1``: what a mapping file may say, read with every mistake at its line and column."""
