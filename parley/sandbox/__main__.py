from parley.sandbox.server import main

main()
