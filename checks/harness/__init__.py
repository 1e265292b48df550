"""What suites and tools share, each thing in one place.

processes       programs that run as long as a block does, and their ports
service         the service: started, stopped, killed, and what it holds
stores          S3 stores and web servers that people run
faulty_store    a store that fails as it is told
proxy           HAProxy, as deployment/haproxy has it
cases, asking   chunks, requests about them, and what NumPy says
numpy_answers   the oracle of requests for any part of any chunk
load            many requests at one time, each answer compared
report          what is seen, and whether it is good enough
plugin          all of this in pytest
tool            all of this in a program of its own
"""
