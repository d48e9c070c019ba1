"""`python -m rfv2_keras.cli`, the same as `rfv2`."""

from rfv2_keras.cli.main import main

if __name__ == "__main__":
    main()
