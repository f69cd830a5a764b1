# SPDX-License-Identifier: Apache-2.0
"""The errors of the service: code, status and text in one table, and how each endpoint writes them."""

import json
from xml.sax.saxutils import escape

LEASE = "lease"

# code: (status, message)
CODES = {
    "AccountRequiresHttps": (400, "The account being accessed does not support http."),
    "ContentLengthMustBeZero": (400, "The Content-Length request header must be zero."),
    "InvalidAuthenticationInfo": (400, "Authentication information is not given in the correct format."),
    "InvalidFlushPosition": (
        400,
        "The uploaded data is not contiguous or the position query parameter value is not equal to the length of the "
        "file after appending the uploaded data.",
    ),
    "InvalidHeaderValue": (400, "The value for one of the HTTP headers is not in the correct format."),
    "InvalidInput": (400, "One of the request inputs is not valid."),
    "InvalidMd5": (400, "The MD5 value specified in the request is invalid. It must be 128 bits and base64 encoded."),
    "InvalidPropertyName": (400, "A property name cannot be empty, and has only ASCII characters."),
    "InvalidQueryParameterValue": (
        400,
        "Value for one of the query parameters specified in the request URI is invalid.",
    ),
    "InvalidRenameDestinationPath": (400, "The rename destination path is invalid."),
    "InvalidResourceName": (400, "The specified resource name contains invalid characters."),
    "InvalidSourceUri": (400, "The source URI is invalid."),
    "InvalidUri": (400, "The request URI is invalid."),
    "InvalidXmlDocument": (400, "XML specified is not syntactically valid."),
    "InvalidBlockId": (400, "The specified block ID is invalid. The block ID must be Base64-encoded."),
    "InvalidBlobOrBlock": (400, "The specified blob or block content is invalid."),
    "InvalidBlockList": (400, "The specified block list is invalid."),
    "Md5Mismatch": (
        400,
        "The MD5 value specified in the request did not match with the MD5 value calculated by the server.",
    ),
    "Crc64Mismatch": (
        400,
        "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.",
    ),
    "MissingRequiredHeader": (400, "An HTTP header that's mandatory for this request is not specified."),
    "MissingRequiredQueryParameter": (400, "A query parameter that's mandatory for this request is not specified."),
    "MultipleConditionHeadersNotSupported": (400, "Multiple condition headers are not supported."),
    "OperationNotAllowedOnThePath": (400, "This operation is not allowed on the path of the item."),
    "OutOfRangeInput": (400, "One of the request inputs is out of range."),
    "OutOfRangeQueryParameterValue": (400, "One of the query parameters is outside the permissible range."),
    "UnsupportedHeader": (400, "One of the HTTP headers specified in the request is not supported."),
    "UnsupportedQueryParameter": (400, "One of the query parameters specified in the request URI is not supported."),
    "UnsupportedRestVersion": (400, "The specified Rest Version is Unsupported."),
    "EmptyMetadataKey": (400, "The key for one of the metadata key-value pairs is empty."),
    "NoAuthenticationInformation": (
        401,
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
    ),
    "AuthenticationFailed": (
        403,
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
        "including the signature.",
    ),
    "AuthorizationFailure": (403, "This request is not authorized to perform this operation."),
    "AuthorizationPermissionMismatch": (
        403,
        "This request is not authorized to perform this operation using this permission.",
    ),
    "AuthorizationProtocolMismatch": (
        403,
        "This request is not authorized to perform this operation using this protocol.",
    ),
    "AuthorizationResourceTypeMismatch": (
        403,
        "This request is not authorized to perform this operation using this resource type.",
    ),
    "AuthorizationServiceMismatch": (
        403,
        "This request is not authorized to perform this operation using this service.",
    ),
    "AuthorizationSourceIPMismatch": (
        403,
        "This request is not authorized to perform this operation using this source IP.",
    ),
    "AccountIsDisabled": (403, "The specified account is disabled."),
    "InsufficientAccountPermissions": (
        403,
        "The account being accessed does not have sufficient permissions to execute this operation.",
    ),
    "UnauthorizedBlobOverwrite": (403, "This request is not authorized to perform blob overwrites."),
    "KeyBasedAuthenticationNotPermitted": (403, "Key based authentication is not permitted on this storage account."),
    "BlobNotFound": (404, "The specified blob does not exist."),
    "ContainerNotFound": (404, "The specified container does not exist."),
    "FilesystemNotFound": (404, "The specified filesystem does not exist."),
    "PathNotFound": (404, "The specified path does not exist."),
    "RenameDestinationParentPathNotFound": (
        404,
        "The parent directory of the destination path does not exist.",
    ),
    "ResourceNotFound": (404, "The specified resource does not exist."),
    "SourcePathNotFound": (404, "The source path for a rename operation does not exist."),
    "UnsupportedHttpVerb": (405, "The resource doesn't support the specified HTTP verb."),
    "BlobAlreadyExists": (409, "The specified blob already exists."),
    "BlobOperationNotSupported": (409, "Blob operation is not supported."),
    "BlockCountExceedsLimit": (409, "The committed block count cannot exceed the maximum limit of 50,000 blocks."),
    "ContainerAlreadyExists": (409, "The specified container already exists."),
    "ContainerBeingDeleted": (409, "The specified container is being deleted. Try operation later."),
    "DestinationPathIsBeingDeleted": (409, "The specified destination path is marked to be deleted."),
    "DirectoryNotEmpty": (409, "The recursive query parameter value must be true to delete a non-empty directory."),
    "DirectoryIsNotEmpty": (409, "This operation is not permitted on a non-empty directory."),
    "FilesystemAlreadyExists": (409, "The specified filesystem already exists."),
    "FilesystemBeingDeleted": (409, "The specified filesystem is being deleted."),
    "InternalOperationAbortError": (409, "Internal operation aborted; retry."),
    "InvalidAppendOperation": (
        409,
        "The resource was created or modified by the Blob Service API and cannot be appended.",
    ),
    "InvalidBlobType": (409, "The blob type is invalid for this operation."),
    "InvalidDestinationPath": (
        409,
        "The specified path, or an element of the path, exists and its resource type is invalid for this operation.",
    ),
    "InvalidFlushOperation": (
        409,
        "The resource was created or modified by the Azure Blob Service API and cannot be written to by the Azure Data "
        "Lake Storage Service API.",
    ),
    "InvalidRenameSourcePath": (
        409,
        "The source directory cannot be the same as the destination directory, nor can the destination be a "
        "subdirectory of the source directory.",
    ),
    "InvalidSourceOrDestinationResourceType": (
        409,
        "The source and destination resource type must be identical.",
    ),
    "LeaseAlreadyPresent": (409, "There is already a lease present."),
    "LeaseIdMismatchWithLeaseOperation": (
        409,
        "The lease ID specified did not match the lease ID for the resource with the specified lease operation.",
    ),
    "LeaseIsAlreadyBroken": (409, "The lease has already been broken and cannot be broken again."),
    "LeaseIsBreakingAndCannotBeAcquired": (
        409,
        "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.",
    ),
    "LeaseIsBreakingAndCannotBeChanged": (
        409,
        "The lease ID matched, but the lease is currently in breaking state and cannot be changed.",
    ),
    "LeaseIsBrokenAndCannotBeRenewed": (
        409,
        "The lease ID matched, but the lease has been broken explicitly and cannot be renewed.",
    ),
    "LeaseNotPresentWithLeaseOperation": (409, "There is currently no lease on the resource."),
    "PathAlreadyExists": (409, "The specified path already exists."),
    "PathConflict": (409, "The specified path, or an element of the path, exists and is not a directory."),
    "ResourceTypeMismatch": (409, "The resource type specified in the request does not match the resource."),
    "SourcePathIsBeingDeleted": (409, "The specified source path is marked to be deleted."),
    "MissingContentLengthHeader": (411, "Content-Length HTTP header is missing."),
    "ConditionNotMet": (412, "The condition specified using HTTP conditional header(s) is not met."),
    "LeaseIdMismatch": (412, "The lease ID specified did not match the lease ID for the resource."),
    "LeaseIdMismatchWithBlobOperation": (412, "The lease ID specified did not match the lease ID for the blob."),
    "LeaseIdMissing": (412, "There is currently a lease on the resource and no lease ID was specified in the request."),
    "LeaseLost": (412, "A lease ID was specified, but the lease for the resource has expired."),
    "LeaseNotPresent": (412, "There is currently no lease on the resource."),
    "LeaseNotPresentWithBlobOperation": (412, "There is currently no lease on the blob."),
    "SourceConditionNotMet": (412, "The source condition specified using HTTP conditional header(s) is not met."),
    "RequestBodyTooLarge": (413, "The request body is too large and exceeds the maximum permissible limit."),
    "InvalidRange": (416, "The range specified is invalid for the current size of the resource."),
    "TooManyRequests": (429, "Too many requests."),
    "InternalError": (500, "Server encountered an internal error. Please try again after some time."),
    "OperationTimedOut": (500, "The operation could not be completed within the permitted time."),
    "NotImplemented": (501, "The requested operation is not implemented by this test server."),
    "ServerBusy": (503, "The server is currently unable to receive requests. Please retry your request."),
}


class ServiceError(Exception):
    """An answer of the service that is no success."""

    def __init__(self, code, message=None, status=None, headers=(), detail=None):
        known = CODES.get(code, (400, code))
        super().__init__(code)
        self.code = code
        self.status = status if status is not None else known[0]
        self.message = message or known[1]
        self.headers = list(headers)
        self.detail = detail

    def json_body(self, trailer):
        error = {"code": self.code, "message": self.message + trailer}
        if self.detail:
            error["detail"] = {"AuthenticationErrorDetail": self.detail}
        return json.dumps({"error": error}).encode()

    def xml_body(self, trailer):
        detail = f"<AuthenticationErrorDetail>{escape(self.detail)}</AuthenticationErrorDetail>" if self.detail else ""
        text = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f"<Error><Code>{self.code}</Code><Message>{escape(self.message + trailer)}</Message>{detail}</Error>"
        )
        return b"\xef\xbb\xbf" + text.encode()
