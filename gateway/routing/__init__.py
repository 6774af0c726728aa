"""Where each capability's traffic goes: toggles, the snapshot that decides requests, how it is kept fresh."""
