"""What clients were told while everything moved, held against what is there.

history.py      what was asked and answered, and what there is at the end: plain data
checker.py      whether the two agree. Pure
recorder.py     clients of the real shop, who write down what they ask and are answered
upheaval.py     moves of ownership and reads, and processes that are killed
state.py        what the databases and both implementations say in the end
run.py          all of it together: `make soak`, and the tests
"""
