@0x85150b117366d14b;
# The interface of the C++ library's calculator sample, by its names, numbers and ids; the words about it are ours.

interface Calculator {
  evaluate @0 (expression :Expression) -> (value :Value);
  # What an expression comes to. The value is an object, so that it can be a part of the next one before it is known.

  struct Expression {
    union {
      literal @0 :Float64;
      # A number.

      previousResult @1 :Value;
      # What another evaluation comes to.

      parameter @2 :UInt32;
      # Within a function: one of its parameters.

      call :group {
        # A function, on what these come to.

        function @3 :Function;
        params @4 :List(Expression);
      }
    }
  }

  interface Value {
    # A number, on the server.

    read @0 () -> (value :Float64);
    # The number.
  }

  defFunction @1 (paramCount :Int32, body :Expression) -> (func :Function);
  # A function that is an expression.

  interface Function {
    # A function: the server's, or the client's own.

    call @0 (params :List(Float64)) -> (value :Float64);
    # What it comes to.
  }

  getOperator @2 (op :Operator) -> (func :Function);
  # A function that the server has.

  enum Operator {
    add @0;
    subtract @1;
    multiply @2;
    divide @3;
  }
}
