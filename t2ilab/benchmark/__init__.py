"""How fast, as ratios within one run: this course's code beside what one would pick instead, in one table."""
