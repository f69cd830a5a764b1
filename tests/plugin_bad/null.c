/* SPDX-License-Identifier: Apache-2.0 */
#include "bad.h"

const struct lf_connector *lakefeed_connector(void)
{
    return NULL;
}
