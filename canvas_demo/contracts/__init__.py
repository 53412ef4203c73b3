"""Generated from proto/ by `make contracts`; not edited by hand."""
