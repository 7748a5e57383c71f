"""Generators and the discriminators that judge them, as they were built from 2014 to 2018: one system a file."""
