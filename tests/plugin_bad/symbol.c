/* SPDX-License-Identifier: Apache-2.0 */
int a_plugin_of_something_else(void);

int a_plugin_of_something_else(void)
{
    return 1;
}
