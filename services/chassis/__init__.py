"""What every deployable shares: settings from the environment, health, metrics, logs, identity, problem+json.

Imports nothing else of ours.
"""
