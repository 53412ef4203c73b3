"""The course as a program sees it: its notebooks run, proven, listed and made into pages."""
