"""`python scripts/quickstart`: starts TensorFlow without its messages, then the quickstart."""

import sys

from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.errors import UserError

if __name__ == "__main__":
    try:
        print("Starting TensorFlow ...", flush=True)
        import_tensorflow_quietly()
        from quickstart import main

        main()
    except UserError as error:
        sys.exit(f"quickstart: error: {error}")
    except KeyboardInterrupt:
        sys.exit("quickstart: interrupted")
