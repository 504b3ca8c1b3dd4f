"""Workers: what keeps at it without anybody asking, on one machine or many.

Controllers decide by the rows what is due; a dispatch carries the tasks that they hand out.
"""
