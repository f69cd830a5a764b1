# SPDX-License-Identifier: Apache-2.0
"""The test server serves the official JavaScript SDK; tests/adls/js/check.js has the checks."""

import adls_npm
import adls_server


def test_javascript_sdk():
    folder = adls_npm.installed("js")
    with adls_server.running() as server:
        result = adls_npm.run(folder, "check.js", server.port, adls_server.ACCOUNT, adls_server.KEY)
    print(result.stdout, result.stderr)
    assert result.returncode == 0 and result.stdout.count("ok: ") == 9
