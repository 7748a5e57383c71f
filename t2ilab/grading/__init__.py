"""The instructor's side: a class's notebooks graded in a sandbox, with points, feedback and a page on the class.

What is held: student code sees no network, no home, no environment, no other student's files and none of the bank's
answers; it has limits on time, memory, processes and disk; and it is judged by a process that it cannot reach, on
inputs that nobody has seen before. What is not: in its own process a student's code can undo the guard of what is off
limits, which gains as much as copying the package's source into the notebook; and it can give each property of an
exercise what that asks for, without being right, which earns that property's share.
"""
