"""Policy: what may be set, by whom, with whose approval, and whether it may stay.

Pure: times, people, policies, waivers and facts are arguments. `review` judges an intent (a plan, an edit, a
drift) and answers a verdict; `control.gate` is the one place that acts on verdicts.
"""
