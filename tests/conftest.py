def pytest_addoption(parser):
    parser.addoption(
        "--memory-profiling",
        action="store_true",
        help="run the memory tests that count every allocation (with -s they print their figures)",
    )
