/*
 * The RPC protocol in numbers: where each field of a message lies.
 *
 * For tests that play a peer by hand. They were written down without our text of the protocol and
 * our compiler, so the tests would notice if one of those were wrong.
 */
#ifndef TEST_RPC_NUMBERS_H
#define TEST_RPC_NUMBERS_H

/* Message: the tag is the u16 at byte 0, the body pointer 0. */
enum message_tag {
        MESSAGE_UNIMPLEMENTED = 0,
        MESSAGE_ABORT = 1,
        MESSAGE_CALL = 2,
        MESSAGE_RETURN = 3,
        MESSAGE_FINISH = 4,
        MESSAGE_RESOLVE = 5,
        MESSAGE_RELEASE = 6,
        MESSAGE_BOOTSTRAP = 8,
        MESSAGE_PROVIDE = 10,
        MESSAGE_ACCEPT = 11,
        MESSAGE_JOIN = 12,
        MESSAGE_DISEMBARGO = 13,
};

/* Byte offsets end in _AT, bit offsets in _BIT, pointer indexes in _PTR. */
enum {
        ID_AT = 0, /* questionId, answerId, promiseId, Release.id, importedCap, Disembargo id */

        CALL_METHOD_AT = 4,
        CALL_TO_AT = 6, /* sendResultsTo */
        CALL_INTERFACE_AT = 8,
        CALL_NO_PIPELINING_BIT = 129,
        CALL_ONLY_PIPELINE_BIT = 130,
        CALL_TARGET_PTR = 0,
        CALL_PARAMS_PTR = 1,
        CALL_TO_CALLER = 0,
        CALL_TO_YOURSELF = 1,

        RETURN_RELEASE_BIT = 32, /* releaseParamCaps, default true */
        RETURN_NO_FINISH_BIT = 33,
        RETURN_TAG_AT = 6,
        RETURN_TAKE_AT = 8, /* takeFromOtherQuestion */
        RETURN_RESULTS = 0,
        RETURN_EXCEPTION = 1,
        RETURN_CANCELED = 2,
        RETURN_ELSEWHERE = 3,
        RETURN_TAKE = 4,

        FINISH_RELEASE_BIT = 32,    /* releaseResultCaps, default true */
        FINISH_WORKAROUND_BIT = 33, /* requireEarlyCancellationWorkaround, default true */

        RESOLVE_TAG_AT = 4,
        RESOLVE_CAP = 0,
        RESOLVE_EXCEPTION = 1,

        RELEASE_COUNT_AT = 4,

        DISEMBARGO_TAG_AT = 4,
        DISEMBARGO_SENDER = 0,
        DISEMBARGO_RECEIVER = 1,

        TARGET_TAG_AT = 4,
        TARGET_IMPORT = 0,
        TARGET_PROMISED = 1,

        DESC_TAG_AT = 0,
        DESC_FD_AT = 2, /* attachedFd, default 255 */
        DESC_ID_AT = 4,
        DESC_NONE = 0,
        DESC_SENDER_HOSTED = 1,
        DESC_SENDER_PROMISE = 2,
        DESC_RECEIVER_HOSTED = 3,
        DESC_RECEIVER_ANSWER = 4,
        DESC_THIRD_PARTY = 5,
        DESC_NO_FD = 255,

        OP_TAG_AT = 0,
        OP_FIELD_AT = 2,
        OP_NOOP = 0,
        OP_FIELD = 1,

        EXCEPTION_TYPE_AT = 4,
        EXCEPTION_TRACE_PTR = 1,
        EXCEPTION_DETAILS_PTR = 2,
};

#endif
