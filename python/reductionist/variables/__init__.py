"""Questions about whole variables, each answered in one request, wherever the variable's chunks lie.

location      where an object is: s3://bucket/key, https://…, file://…
selection     part of a variable, as Python and NumPy write it
weights, groups, named_arrays   what elements weigh and which belong together, as Python writes it
question      the fields of a request, and its body in JSON or CBOR
result        what answers say, as NumPy arrays
pairs, merge  one result of partial answers
progress      answers that come in pieces, and how far the work is
client        asking
arguments     the command line
coordinates   weights and groups that a command line names
tables        answers for people and for machines
command       all of it together, for reductionist-client
"""
