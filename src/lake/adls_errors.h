/* SPDX-License-Identifier: Apache-2.0
 *
 * What the codes in x-ms-error-code mean to lakefeed: one table, from which every message is made. docs/adls-errors.md has it too
 * (test_adls_errors compares them). A code that is not in it is judged by the status of the answer.
 */
#ifndef LAKE_ADLS_ERRORS_H
#define LAKE_ADLS_ERRORS_H

#include "lakefeed/error.h"

/* X(code, kind, what it means, what to do) */
#define ADLS_ERRORS(X) \
    X("AccountIsDisabled", AUTH, "the storage account is disabled", "enable the account in the portal") \
    X("AccountRequiresHttps", CONFIG, "the storage account takes HTTPS alone", \
      "write the lake's URL or endpoint with https://") \
    X("AuthenticationFailed", AUTH, "the service does not accept the credentials", \
      "check key, shared access signature (has it ended?) and the clock of this machine") \
    X("AuthorizationFailure", AUTH, "the service refuses this client or the shared access signature lacks a right", \
      "allow this machine's network in the account's firewall, or add the right to the signature (read, add, create, " \
      "write, delete, list, move)") \
    X("AuthorizationPermissionMismatch", AUTH, "the identity lacks a right here", \
      "give it the role Storage Blob Data Contributor on the filesystem, or read, write and execute by access " \
      "control lists on the lake's folder and execute on those above; a new role takes up to ten minutes to count") \
    X("AuthorizationProtocolMismatch", AUTH, "the shared access signature is for HTTPS alone", \
      "write the lake's URL with https://, or issue a signature that allows both") \
    X("AuthorizationResourceTypeMismatch", AUTH, "the shared access signature does not cover this kind of resource", \
      "issue one for containers and objects (srt=sco)") \
    X("AuthorizationServiceMismatch", AUTH, "the shared access signature is not for the Blob service", \
      "issue one for it (ss=b)") \
    X("AuthorizationSourceIPMismatch", AUTH, "the shared access signature is not for this machine's address", \
      "issue one for its address, or without one") \
    X("BlobAlreadyExists", CONFLICT, "it exists already", "find out who else writes to this lake") \
    X("BlobNotFound", NOT_FOUND, "it does not exist", "check the lake's path") \
    X("BlobOperationNotSupported", UNSUPPORTED, "the account does not support this call", \
      "use publish = rename, or an account with a hierarchical namespace") \
    X("BlockCountExceedsLimit", LIMIT, "a file has at most 50,000 blocks", \
      "set snapshot.partition_bytes lower, or memory higher, so that blocks are larger") \
    X("ConditionNotMet", CONFLICT, "it was changed by somebody else", "find out who else writes to this lake") \
    X("ContainerBeingDeleted", TRANSIENT, "the filesystem is being deleted", \
      "wait until it is gone (30 seconds and more), or choose another name") \
    X("ContainerNotFound", NOT_FOUND, "the filesystem does not exist", \
      "create it, or set create_filesystem and give the identity the right to create it") \
    X("DestinationPathIsBeingDeleted", TRANSIENT, "it is being deleted", "wait; it is tried again") \
    X("DirectoryNotEmpty", CONFLICT, "the folder is not empty", "remove what is in it first") \
    X("FilesystemAlreadyExists", CONFLICT, "the filesystem exists already", "nothing has to be done") \
    X("FilesystemBeingDeleted", TRANSIENT, "the filesystem is being deleted", \
      "wait until it is gone (30 seconds and more), or choose another name") \
    X("FilesystemNotFound", NOT_FOUND, "the filesystem does not exist", \
      "create it, or set create_filesystem and give the identity the right to create it") \
    X("InsufficientAccountPermissions", AUTH, "the account does not allow this call", \
      "check locks and policies of the account") \
    X("InternalError", TRANSIENT, "the service had an internal error", "wait; it is tried again") \
    X("InternalOperationAbortError", TRANSIENT, "the service gave the call up", "wait; it is tried again") \
    X("InvalidAppendOperation", CONFLICT, "the file was made by somebody else through the Blob service", \
      "find out who else writes to this lake") \
    X("InvalidAuthenticationInfo", AUTH, "the service does not take the token", \
      "check the clock of this machine, that the tenant of the identity is the account's, and that the authority is " \
      "of the account's cloud") \
    X("InvalidDestinationPath", CONFIG, "a part of the path is a file where a folder is needed", \
      "move that file away, or choose another prefix for the lake") \
    X("InvalidFlushOperation", CONFLICT, "the file was made by somebody else through the Blob service", \
      "find out who else writes to this lake") \
    X("InvalidFlushPosition", CONFLICT, "the file has other bytes than were sent", \
      "find out who else writes to this lake") \
    X("InvalidRange", DATA, "the file is shorter than expected", "it was altered by somebody else") \
    X("InvalidResourceName", CONFIG, "the service does not allow this name", "choose another filesystem or prefix") \
    X("KeyBasedAuthenticationNotPermitted", AUTH, "the account does not allow its key", \
      "use an identity (auth.kind managed_identity, workload_identity or client_certificate)") \
    X("LeaseAlreadyPresent", CONFLICT, "somebody else holds the lease", "stop the other writer, or use --takeover") \
    X("LeaseIdMismatch", AUTH, "somebody else holds a lease on it", "find out who, and break the lease") \
    X("LeaseIdMismatchWithBlobOperation", AUTH, "somebody else holds a lease on it", \
      "find out who, and break the lease") \
    X("LeaseIdMismatchWithLeaseOperation", CONFLICT, "the lease is another's", \
      "stop the other writer, or use --takeover") \
    X("LeaseIdMissing", AUTH, "somebody holds a lease on it", "find out who, and break the lease") \
    X("LeaseIsBreakingAndCannotBeAcquired", CONFLICT, "the lease is being broken", "wait; it is tried again") \
    X("LeaseIsBrokenAndCannotBeRenewed", CONFLICT, "the lease was broken", "find out who took over the lake") \
    X("LeaseLost", CONFLICT, "the lease has run out", "wait; it is acquired again") \
    X("LeaseNotPresent", CONFLICT, "there is no lease", "wait; it is acquired again") \
    X("LeaseNotPresentWithLeaseOperation", CONFLICT, "there is no lease", "wait; it is acquired again") \
    X("Md5Mismatch", TRANSIENT, "the bytes arrived altered", \
      "look for defects of network or memory if it happens again") \
    X("NoAuthenticationInformation", AUTH, "the service asks for credentials", "configure the lake's auth") \
    X("OperationNotAllowedOnThePath", CONFIG, "OneLake does not allow this at the top of an item", \
      "put the lake into a folder below Files") \
    X("OperationTimedOut", TRANSIENT, "the service did not finish in time", "wait; it is tried again") \
    X("PathAlreadyExists", CONFLICT, "it exists already", "find out who else writes to this lake") \
    X("PathConflict", CONFIG, "a part of the path is a file where a folder is needed", \
      "move that file away, or choose another prefix for the lake") \
    X("PathNotFound", NOT_FOUND, "it does not exist", "check the lake's path") \
    X("RenameDestinationParentPathNotFound", NOT_FOUND, "the folder of the destination does not exist", \
      "find out who removes folders of this lake") \
    X("RequestBodyTooLarge", LIMIT, "it is too large for one request", "make the file smaller") \
    X("ResourceNotFound", NOT_FOUND, "it does not exist", "check account, filesystem and path of the lake") \
    X("ResourceTypeMismatch", CONFIG, "a folder stands where a file is needed, or the other way round", \
      "move it away, or choose another prefix for the lake") \
    X("ServerBusy", THROTTLED, "the service is busy", "wait; it is tried again more slowly") \
    X("SourceConditionNotMet", CONFLICT, "the file to be renamed was changed by somebody else", \
      "find out who else writes to this lake") \
    X("SourcePathIsBeingDeleted", TRANSIENT, "the file to be renamed is being deleted", "wait; it is tried again") \
    X("SourcePathNotFound", NOT_FOUND, "the file to be renamed does not exist", \
      "find out who else writes to this lake") \
    X("TooManyRequests", THROTTLED, "the service is busy", "wait; it is tried again more slowly") \
    X("UnauthorizedBlobOverwrite", AUTH, "the identity may create here, but not replace", \
      "give it the right to write (w of a shared access signature)") \
    X("UnsupportedRestVersion", UNSUPPORTED, "the service does not know this version of its interface", \
      "check that the endpoint is Azure Data Lake Storage Gen2, and not too old an emulator")

struct adls_error_row {
    const char *code;
    enum lf_error_kind kind;
    const char *meaning, *cure;
};

/* What is known of a code; NULL or unknown: what its status says. Never NULL. */
const struct adls_error_row *adls_error_find(const char *code, unsigned status);

#endif
