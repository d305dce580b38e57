/*
 * calculator-server: a server of the C++ library that knows nothing of the instance, as a connector
 * has one behind it: two-party RPC, a bootstrap object, and no word of this project's.
 *
 * Usage: calculator-server unix:PATH | HOST:PORT     says "ready PORT" when it listens
 *        calculator-server -                         serves on its standard input, a socket
 */
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/debug.h>
#include <kj/vector.h>

#include <cstring>
#include <iostream>

#include "calculator.capnp.h"

namespace
{

using Numbers = kj::Array<double>;

class ValueImpl final : public Calculator::Value::Server
{
      public:
        explicit ValueImpl(double value) : value(value)
        {
        }

        kj::Promise<void> read(ReadContext context) override
        {
                context.getResults().setValue(value);
                return kj::READY_NOW;
        }

      private:
        double value;
};

kj::Promise<double> evaluate(Calculator::Expression::Reader e, kj::ArrayPtr<const double> given)
{
        switch (e.which()) {
        case Calculator::Expression::LITERAL:
                return e.getLiteral();
        case Calculator::Expression::PREVIOUS_RESULT:
                return e.getPreviousResult().readRequest().send().then(
                        [](auto &&r) { return r.getValue(); });
        case Calculator::Expression::PARAMETER:
                KJ_REQUIRE(e.getParameter() < given.size(), "no such parameter");
                return given[e.getParameter()];
        case Calculator::Expression::CALL: {
                auto call = e.getCall();
                kj::Vector<kj::Promise<double>> all;

                for (auto p : call.getParams())
                        all.add(evaluate(p, given));
                return kj::joinPromises(all.releaseAsArray())
                        .then([f = call.getFunction()](Numbers &&numbers) mutable {
                                auto request = f.callRequest();

                                request.setParams(numbers);
                                return request.send().then(
                                        [](auto &&r) { return r.getValue(); });
                        });
        }
        }
        KJ_FAIL_REQUIRE("no such expression");
}

class FunctionImpl final : public Calculator::Function::Server
{
      public:
        FunctionImpl(uint32_t count, Calculator::Expression::Reader from) : count(count)
        {
                body.setRoot(from);
        }

        kj::Promise<void> call(CallContext context) override
        {
                auto params = context.getParams().getParams();
                auto numbers = kj::heapArray<double>(params.size());

                KJ_REQUIRE(params.size() == count, "wrong number of parameters");
                for (unsigned i = 0; i < params.size(); i++)
                        numbers[i] = params[i];
                auto result = evaluate(body.getRoot<Calculator::Expression>(), numbers);
                return result.attach(kj::mv(numbers))
                        .then([context](double value) mutable {
                                context.getResults().setValue(value);
                        });
        }

      private:
        uint32_t count;
        capnp::MallocMessageBuilder body;
};

class OperatorImpl final : public Calculator::Function::Server
{
      public:
        explicit OperatorImpl(Calculator::Operator op) : op(op)
        {
        }

        kj::Promise<void> call(CallContext context) override
        {
                auto p = context.getParams().getParams();
                double value = 0;

                KJ_REQUIRE(p.size() == 2, "wrong number of parameters");
                switch (op) {
                case Calculator::Operator::ADD:
                        value = p[0] + p[1];
                        break;
                case Calculator::Operator::SUBTRACT:
                        value = p[0] - p[1];
                        break;
                case Calculator::Operator::MULTIPLY:
                        value = p[0] * p[1];
                        break;
                case Calculator::Operator::DIVIDE:
                        value = p[0] / p[1];
                        break;
                }
                context.getResults().setValue(value);
                return kj::READY_NOW;
        }

      private:
        Calculator::Operator op;
};

class CalculatorImpl final : public Calculator::Server
{
      public:
        kj::Promise<void> evaluate(EvaluateContext context) override
        {
                return ::evaluate(context.getParams().getExpression(), {})
                        .then([context](double value) mutable {
                                context.getResults().setValue(kj::heap<ValueImpl>(value));
                        });
        }

        kj::Promise<void> defFunction(DefFunctionContext context) override
        {
                auto p = context.getParams();

                context.getResults().setFunc(
                        kj::heap<FunctionImpl>((uint32_t)p.getParamCount(), p.getBody()));
                return kj::READY_NOW;
        }

        kj::Promise<void> getOperator(GetOperatorContext context) override
        {
                context.getResults().setFunc(
                        kj::heap<OperatorImpl>(context.getParams().getOp()));
                return kj::READY_NOW;
        }
};

} // namespace

int main(int argc, char **argv)
{
        if (argc != 2) {
                std::cerr << "usage: " << argv[0] << " unix:PATH | HOST:PORT | -\n";
                return 2;
        }

        auto io = kj::setupAsyncIo();
        capnp::TwoPartyServer server(kj::heap<CalculatorImpl>());

        if (strcmp(argv[1], "-") == 0) {
                auto stream = io.lowLevelProvider->wrapSocketFd(0);
                capnp::TwoPartyVatNetwork network(*stream, capnp::rpc::twoparty::Side::SERVER);
                auto rpc = capnp::makeRpcServer(network, kj::heap<CalculatorImpl>());

                network.onDisconnect().wait(io.waitScope);
                return 0;
        }

        auto listener = io.provider->getNetwork()
                                .parseAddress(argv[1])
                                .wait(io.waitScope)
                                ->listen();
        std::cout << "ready " << listener->getPort() << std::endl;
        server.listen(*listener).wait(io.waitScope);
}
