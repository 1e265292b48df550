"""A client of Reductionist, the HTTP service that reduces chunks of climate data where they are stored.

In the order of a question's way, from options and files of chunks to requests, and from answers to one result:

    values, options   the command line
    fields            the fields of a request in the service's two dialects
    chunk_file        a file that says where chunks are, and what they hold
    grid              the chunks of an array, and what of each belongs to a selection of it
    plan              what to ask, and where in the result each answer belongs
    service           asking
    answers           what an answer says
    combine           one result of many answers
    output            the result, for people and for machines
    command_line      all of it together
"""
