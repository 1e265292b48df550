"""`python -m reductionist` is the command reductionist-client."""

from reductionist.command_line import run_command

if __name__ == "__main__":
    run_command()
