"""The rules that make check holds the project to."""
