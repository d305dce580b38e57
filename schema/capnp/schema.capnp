@0xa93fc509624c72d9;
# What the `capnp` tool tells a generator of code, and what interfaces are described with at run time. Ids, names and
# ordinals are the reference's.
#
# A schema is a set of nodes: files, structs, enums, interfaces, constants, annotations. Each has an id, and they refer
# to each other by ids alone.

using Id = UInt64;

struct Node {
  id @0 :Id;

  displayName @1 :Text;
  # For people: the file's name, a colon, the names on the way to the node.
  displayNamePrefixLength @2 :UInt32;
  # Where in it the node's own name begins.

  scopeId @3 :Id;
  # The node it is declared in; 0: it is a file.

  parameters @32 :List(Parameter);
  # Of a generic type.
  isGeneric @33 :Bool;
  # It has parameters, or stands in something that has.

  struct Parameter {
    name @0 :Text;
  }

  nestedNodes @4 :List(NestedNode);
  # What is declared in it, in the order of their names in the text.

  struct NestedNode {
    name @0 :Text;
    id @1 :Id;
  }

  annotations @5 :List(Annotation);

  union {
    file @6 :Void;

    struct :group {
      dataWordCount @7 :UInt16;
      pointerCount @8 :UInt16;

      preferredListEncoding @9 :ElementSize;
      # inlineComposite, unless the type is so small that a list of it was once something smaller.

      isGroup @10 :Bool;
      # A view of the struct it stands in; the sizes are that one's.

      discriminantCount @11 :UInt16;
      # Members of the unnamed union.
      discriminantOffset @12 :UInt32;
      # Where its tag is, in units of 16 bits.

      fields @13 :List(Field);
      # By ordinal.
    }

    enum :group {
      enumerants @14 :List(Enumerant);
      # By value.
    }

    interface :group {
      methods @15 :List(Method);
      # By ordinal.
      superclasses @31 :List(Superclass);
    }

    const :group {
      type @16 :Type;
      value @17 :Value;
    }

    annotation :group {
      type @18 :Type;

      targetsFile @19 :Bool;
      targetsConst @20 :Bool;
      targetsEnum @21 :Bool;
      targetsEnumerant @22 :Bool;
      targetsStruct @23 :Bool;
      targetsField @24 :Bool;
      targetsUnion @25 :Bool;
      targetsGroup @26 :Bool;
      targetsInterface @27 :Bool;
      targetsMethod @28 :Bool;
      targetsParam @29 :Bool;
      targetsAnnotation @30 :Bool;
    }
  }

  struct SourceInfo {
    # What the text says about a node beyond what it means.

    id @0 :Id;
    docComment @1 :Text;

    members @2 :List(Member);
    # Fields, enumerants or methods, in the order of the node.

    struct Member {
      docComment @0 :Text;
    }
  }
}

struct Field {
  name @0 :Text;

  codeOrder @1 :UInt16;
  # Its place in the text.

  annotations @2 :List(Annotation);

  const noDiscriminant :UInt16 = 0xffff;

  discriminantValue @3 :UInt16 = Field.noDiscriminant;
  # The tag that says this member of the unnamed union is the one that counts.

  union {
    slot :group {
      offset @4 :UInt32;
      # In units of its own size; of pointers, among the pointers.

      type @5 :Type;
      defaultValue @6 :Value;

      hadExplicitDefault @10 :Bool;
    }

    group :group {
      typeId @7 :Id;
    }
  }

  ordinal :union {
    implicit @8 :Void;
    explicit @9 :UInt16;
  }
}

struct Enumerant {
  name @0 :Text;
  codeOrder @1 :UInt16;
  annotations @2 :List(Annotation);
}

struct Superclass {
  id @0 :Id;
  brand @1 :Brand;
}

struct Method {
  name @0 :Text;
  codeOrder @1 :UInt16;

  implicitParameters @7 :List(Node.Parameter);
  # Types that the method itself is generic in.

  paramStructType @2 :Id;
  # Without a scope if it is declared with the method.
  paramBrand @5 :Brand;

  resultStructType @3 :Id;
  resultBrand @6 :Brand;

  annotations @4 :List(Annotation);
}

struct Type {
  union {
    void @0 :Void;
    bool @1 :Void;
    int8 @2 :Void;
    int16 @3 :Void;
    int32 @4 :Void;
    int64 @5 :Void;
    uint8 @6 :Void;
    uint16 @7 :Void;
    uint32 @8 :Void;
    uint64 @9 :Void;
    float32 @10 :Void;
    float64 @11 :Void;
    text @12 :Void;
    data @13 :Void;

    list :group {
      elementType @14 :Type;
    }

    enum :group {
      typeId @15 :Id;
      brand @21 :Brand;
    }
    struct :group {
      typeId @16 :Id;
      brand @22 :Brand;
    }
    interface :group {
      typeId @17 :Id;
      brand @23 :Brand;
    }

    anyPointer :union {
      unconstrained :union {
        anyKind @18 :Void;
        struct @25 :Void;
        list @26 :Void;
        capability @27 :Void;
      }

      parameter :group {
        # Of the generic type `scopeId`.
        scopeId @19 :Id;
        parameterIndex @20 :UInt16;
      }

      implicitMethodParameter :group {
        # Of the method it stands in.
        parameterIndex @24 :UInt16;
      }
    }
  }
}

struct Brand {
  # What the parameters of a generic type are, where the type is used.

  scopes @0 :List(Scope);

  struct Scope {
    scopeId @0 :Id;
    # The type whose parameters these are: the one that is used, or one that it stands in.

    union {
      bind @1 :List(Binding);
      inherit @2 :Void;
      # The same as where this is used.
    }
  }

  struct Binding {
    union {
      unbound @0 :Void;
      type @1 :Type;
    }
  }
}

struct Value {
  # Of a constant, a default or an annotation.

  union {
    void @0 :Void;
    bool @1 :Bool;
    int8 @2 :Int8;
    int16 @3 :Int16;
    int32 @4 :Int32;
    int64 @5 :Int64;
    uint8 @6 :UInt8;
    uint16 @7 :UInt16;
    uint32 @8 :UInt32;
    uint64 @9 :UInt64;
    float32 @10 :Float32;
    float64 @11 :Float64;
    text @12 :Text;
    data @13 :Data;

    list @14 :AnyPointer;

    enum @15 :UInt16;
    struct @16 :AnyPointer;

    interface @17 :Void;
    # Null: there is no other.

    anyPointer @18 :AnyPointer;
  }
}

struct Annotation {
  id @0 :Id;
  # The node of its declaration.

  brand @2 :Brand;

  value @1 :Value;
}

enum ElementSize {
  # Of a list, as a list pointer says it.

  empty @0;
  bit @1;
  byte @2;
  twoBytes @3;
  fourBytes @4;
  eightBytes @5;
  pointer @6;
  inlineComposite @7;
}

struct CapnpVersion {
  major @0 :UInt16;
  minor @1 :UInt8;
  micro @2 :UInt8;
}

struct CodeGeneratorRequest {
  # What a generator reads on its standard input.

  capnpVersion @2 :CapnpVersion;

  nodes @0 :List(Node);
  # All that the requested files declare, and whatever of others they use.

  sourceInfo @3 :List(Node.SourceInfo);

  requestedFiles @1 :List(RequestedFile);

  struct RequestedFile {
    id @0 :Id;
    filename @1 :Text;

    imports @2 :List(Import);

    struct Import {
      id @0 :Id;

      name @1 :Text;
      # As the file writes it.
    }
  }
}
