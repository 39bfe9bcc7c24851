"""The cloud's role: the key service, which knows initial keys and owners.

It takes part in pairing only (docs/protocol.md, section 11): it proves a device's first
data for the terminal of the device's owner, and never sees a session key.

    tables, database, store      what is kept, where, and how it is opened
    master_key, vault            initial keys at rest
    accounts, devices,           the service's rules: plain functions over a store
      ownership, authorization
    wire, problems, body, app    the same rules as HTTP
    server                       the application on a socket
    cli                          the operator's commands: python -m cloud_stub
"""
