"""The instructor's side: a class's notebooks graded in a sandbox, with points, feedback and a page on the class."""
