DELETE FROM holds WHERE until <= %(now)s
