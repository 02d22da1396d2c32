"""The maths: numpy in, numpy out. Knows no node, file or clock, and imports nothing of ours."""
