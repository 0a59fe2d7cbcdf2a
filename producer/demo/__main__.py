"""python -m producer.demo"""

import sys

from producer.demo.run import main

sys.exit(main())
