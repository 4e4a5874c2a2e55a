"""Who may do what at the page: accounts, roles, sign-in.

Neighbours: `edge_runtime.page` asks here before every act; `ferrogate people` keeps the accounts.
"""
