from mock_push.cli import main

main(prog_name="python -m mock_push")
