"""`python -m t2ilab` is the `t2ilab` command, for machines where the script is not on the path."""

from t2ilab.cli import main

if __name__ == "__main__":
    main()
