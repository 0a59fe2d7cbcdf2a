"""`python -m producer.cli` is `inpaintd`."""

from producer.cli.main import main

main(prog_name="inpaintd")
