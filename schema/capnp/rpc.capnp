@0xb312981b2552a250;
# Cap'n Proto's RPC protocol, as the newest release of the reference has it: ids, names and ordinals are the protocol's.
#
# Two vats have a connection. Each keeps four tables of it: questions it has asked, answers it owes, exports that it has
# given, imports that it was given. One's questions are the other's answers, and one's exports the other's imports. Ids
# are chosen by who asks, or who exports; each name below is from the point of view of who sends the message.
#
# What each message does here is told where it is handled (lib/rpc/rpc-in.c) and where it is made (lib/rpc/rpc-send.c).
# Level 1 is all that is implemented; what belongs to levels 2 to 4 is here because peers may send it.

using C = import "/c.capnp";

$C.prefix("rpc");

using QuestionId = UInt32;
using AnswerId = QuestionId;
using ExportId = UInt32;
using ImportId = ExportId;

struct Message {
  union {
    unimplemented @0 :Message;
    # What was sent, back: it was not understood.
    abort @1 :Exception;
    # The connection ends, and why.

    bootstrap @8 :Bootstrap;
    call @2 :Call;
    return @3 :Return;
    finish @4 :Finish;

    resolve @5 :Resolve;
    release @6 :Release;
    disembargo @13 :Disembargo;

    obsoleteSave @7 :AnyPointer;
    obsoleteDelete @9 :AnyPointer;
    provide @10 :Provide;
    accept @11 :Accept;
    thirdPartyAnswer @14 :ThirdPartyAnswer;
    join @12 :Join;
  }
}

struct Bootstrap {
  # Asks for the object that a vat has for whoever connects.

  questionId @0 :QuestionId;
  deprecatedObjectId @1 :AnyPointer;
}

struct Call {
  # Calls a method of an object, or of what a question will be answered with.

  questionId @0 :QuestionId;
  target @1 :MessageTarget;
  interfaceId @2 :UInt64;
  methodId @3 :UInt16;

  allowThirdPartyTailCall @8 :Bool = false;
  # Level 3.
  noPromisePipelining @9 :Bool = false;
  # Nothing will be called on its results before they are there.
  onlyPromisePipeline @10 :Bool = false;
  # No Return is wanted: the results are only called upon.

  params @4 :Payload;

  sendResultsTo :union {
    caller @5 :Void;
    yourself @6 :Void;
    # They stay with who answers, for a call that will take them (Return.takeFromOtherQuestion).
    thirdParty @7 :ThirdPartyToContact;
    # Level 3.
  }
}

struct Return {
  # What became of a Call or Bootstrap.

  answerId @0 :AnswerId;
  releaseParamCaps @1 :Bool = true;
  # As if a Release had been sent for each reference among the parameters.
  noFinishNeeded @8 :Bool = false;
  # Nothing of the answer is kept, so a Finish would say nothing.

  union {
    results @2 :Payload;
    exception @3 :Exception;
    canceled @4 :Void;
    # The Finish came first.
    resultsSentElsewhere @5 :Void;
    # They stay here, as was asked (Call.sendResultsTo.yourself).
    takeFromOtherQuestion @6 :QuestionId;
    # They are those of another question, which who reads this has been asked to keep.
    awaitFromThirdParty @7 :ThirdPartyToAwait;
    # Level 3.
  }
}

struct Finish {
  # The Return is not wanted any more: it has come, or the call is canceled.

  questionId @0 :QuestionId;
  releaseResultCaps @1 :Bool = true;
  # As if a Release had been sent for each reference among the results.
  requireEarlyCancellationWorkaround @2 :Bool = true;
  # If the call has not been delivered, it is to be, before it is canceled.
}

struct Resolve {
  # What an export that is a promise has become.

  promiseId @0 :ExportId;
  union {
    cap @1 :CapDescriptor;
    exception @2 :Exception;
  }
}

struct Release {
  # So many references less to what was imported.

  id @0 :ImportId;
  referenceCount @1 :UInt32;
}

struct Disembargo {
  # Follows the calls before it to the end of their way, so that who holds back others knows that they have arrived.

  target @0 :MessageTarget;

  using EmbargoId = UInt32;
  using ThirdPartyEmbargoId = Data;

  context :union {
    senderLoopback @1 :EmbargoId;
    # Send it back, to where the target leads.
    receiverLoopback @2 :EmbargoId;
    # It is back.
    accept @3 :ThirdPartyEmbargoId;
    # Level 3.
  }
}

struct Provide {
  # Level 3: lets a third party have an object.

  questionId @0 :QuestionId;
  target @1 :MessageTarget;
  recipient @2 :ThirdPartyToAwait;
}

struct Accept {
  # Level 3: takes what was provided.

  questionId @0 :QuestionId;
  provision @1 :ThirdPartyCompletion;
  embargo @2 :Disembargo.ThirdPartyEmbargoId;
}

struct ThirdPartyAnswer {
  # Level 3: an answer to what was asked by way of another vat.

  completion @0 :ThirdPartyCompletion;
  answerId @1 :AnswerId;
}

struct Join {
  # Level 4: are several references to one object?

  questionId @0 :QuestionId;
  target @1 :MessageTarget;
  keyPart @2 :JoinKeyPart;
}

struct MessageTarget {
  # What a message is for, among what its sender was given.

  union {
    importedCap @0 :ImportId;
    promisedAnswer @1 :PromisedAnswer;
  }
}

struct Payload {
  # Parameters or results, and the references that the capability pointers among them count.

  content @0 :AnyPointer;
  capTable @1 :List(CapDescriptor);
}

struct CapDescriptor {
  # One reference.

  union {
    none @0 :Void;
    # Null.
    senderHosted @1 :ExportId;
    senderPromise @2 :ExportId;
    # A Resolve will say what it has become.
    receiverHosted @3 :ImportId;
    receiverAnswer @4 :PromisedAnswer;
    thirdPartyHosted @5 :ThirdPartyCapDescriptor;
    # Level 3. Who does not speak that uses the vine, an import like others.
  }

  attachedFd @6 :UInt8 = 0xff;
  # Which of the file descriptors beside the message belongs to it; 0xff: none.
}

struct PromisedAnswer {
  # A reference among the results of a question that the sender has asked.

  questionId @0 :QuestionId;
  transform @1 :List(Op);
  # The way to it.

  struct Op {
    union {
      noop @0 :Void;
      getPointerField @1 :UInt16;
    }
  }
}

struct ThirdPartyCapDescriptor {
  # Level 3.

  id @0 :ThirdPartyToContact;
  vineId @1 :ExportId;
  # The same object, by way of who says so.
}

struct Exception {
  # Why something failed.

  reason @0 :Text;
  type @3 :Type;
  # What a caller might do about it.

  enum Type {
    failed @0;
    overloaded @1;
    disconnected @2;
    unimplemented @3;
  }

  obsoleteIsCallersFault @1 :Bool;
  obsoleteDurability @2 :UInt16;

  trace @4 :Text;
  # For whoever looks for the place.
  details @5 :List(Detail);

  struct Detail {
    detailId @0 :UInt64;
    data @1 :Data;
  }
}

# Levels 3 and 4: what these are is up to the network.
using ThirdPartyCompletion = AnyPointer;
using ThirdPartyToAwait = AnyPointer;
using ThirdPartyToContact = AnyPointer;
using JoinKeyPart = AnyPointer;
