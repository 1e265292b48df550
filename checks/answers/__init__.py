"""Proves that no answer changes: a large corpus of requests, what a program answers to them, and what it costs.

The map: `corpus/` makes requests and the objects that they read; `recording` keeps them with the answers; `servers` starts
stores and programs; `asking` sends requests; `differences` tells what is not the same; `pair` measures two programs.
"""
