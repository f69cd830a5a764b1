/* SPDX-License-Identifier: Apache-2.0
 *
 * What is set once for the whole process, before its first thread.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

/* Raises the number of open files to what the system allows (a link takes about ten), and lets all threads allocate from
 * few heaps, so that what one of them has freed is of use to the others; large blocks lie outside and go back when they
 * are freed. What the system refuses stays as it was. */
void process_prepare(void);

#endif
