/*
 * calculator-client: uses a calculator of the bundle as test/e2e/connector.py tells it on standard
 * input, with the Cap'n Proto C++ library and nothing of ours but schema/. What came of each
 * command is a line of JSON.
 *
 *     password NAME PASSWORD
 *     get NAME                 one of the bundle, without waiting for it
 *     literal X                evaluates X and reads it, in one go
 *     early NAME X             get, evaluate and read, in one go
 *     chain N                  N evaluations, each of the last and 1; the end is read
 *     define X                 a function x * 2 + X of the server's, called with 4
 *     power X Y                by a function of this client's, which the server calls
 *     divide X Y               by an operator of the server's
 *     parameter                an expression that the server refuses
 *     bytes N                  a call with so much data
 *     hang                     by a function of this client's that never answers …
 *     hung                     … and how that has ended
 *     logout
 *
 * Usage: calculator-client HOST:PORT
 */
#include <cmath>
#include <deque>

#include "calculator.capnp.h"
#include "foreign-client.h"

namespace
{

using foreign::refusal;

/* A function of ours, which the server calls. */
class Power final : public Calculator::Function::Server
{
      protected:
        kj::Promise<void> call(CallContext context) override
        {
                auto p = context.getParams().getParams();

                context.getResults().setValue(std::pow(p[0], p[1]));
                return kj::READY_NOW;
        }
};

class Never final : public Calculator::Function::Server
{
      protected:
        kj::Promise<void> call(CallContext) override
        {
                return kj::NEVER_DONE;
        }
};

class Client : private foreign::Session
{
      public:
        explicit Client(const char *address) : Session(address), calculator(nullptr)
        {
        }

        std::string run(const std::vector<std::string> &words);

      private:
        static Calculator::Value::Client literal(Calculator::Client &c, double x)
        {
                auto request = c.evaluateRequest();

                request.initExpression().setLiteral(x);
                return request.send().getValue();
        }

        std::string read(Calculator::Value::Client v)
        {
                return number(wait(v.readRequest().send()).getValue());
        }

        static std::string number(double x)
        {
                std::ostringstream out;

                out << "{\"value\": " << x << "}";
                return out.str();
        }

        std::string chain(unsigned n);
        std::string define(double x);
        Calculator::Value::Client by(Calculator::Function::Client f, double x, double y);

        Calculator::Client calculator;
        std::deque<kj::Promise<std::string>> hanging;
};

/* What is not known yet is a part of the next: it comes home to the server. */
std::string Client::chain(unsigned n)
{
        auto get = calculator.getOperatorRequest();

        get.setOp(Calculator::Operator::ADD);
        auto add = get.send().getFunc();
        auto value = literal(calculator, 0);
        while (n-- > 0) {
                auto request = calculator.evaluateRequest();
                auto call = request.initExpression().initCall();

                call.setFunction(add);
                auto params = call.initParams(2);
                params[0].setPreviousResult(value);
                params[1].setLiteral(1);
                value = request.send().getValue();
        }
        return read(value);
}

std::string Client::define(double x)
{
        auto multiply = calculator.getOperatorRequest(), add = calculator.getOperatorRequest();

        multiply.setOp(Calculator::Operator::MULTIPLY);
        add.setOp(Calculator::Operator::ADD);
        auto request = calculator.defFunctionRequest();
        request.setParamCount(1);
        auto sum = request.initBody().initCall();
        sum.setFunction(add.send().getFunc());
        auto terms = sum.initParams(2);
        auto product = terms[0].initCall();
        product.setFunction(multiply.send().getFunc());
        auto factors = product.initParams(2);
        factors[0].setParameter(0);
        factors[1].setLiteral(2);
        terms[1].setLiteral(x);
        auto call = request.send().getFunc().callRequest();
        call.setParams({4});
        return number(wait(call.send()).getValue());
}

Calculator::Value::Client Client::by(Calculator::Function::Client f, double x, double y)
{
        auto request = calculator.evaluateRequest();
        auto call = request.initExpression().initCall();

        call.setFunction(f);
        auto params = call.initParams(2);
        params[0].setLiteral(x);
        params[1].setLiteral(y);
        return request.send().getValue();
}

std::string Client::run(const std::vector<std::string> &words)
{
        const std::string &what = words.at(0);
        auto x = [&words](unsigned i) { return std::stod(words.at(i)); };

        if (what == "password") {
                password(words.at(1), words.at(2));
        } else if (what == "get") {
                calculator = got<Calculator>(words.at(1));
        } else if (what == "literal") {
                return read(literal(calculator, x(1)));
        } else if (what == "early") {
                auto early = got<Calculator>(words.at(1));

                return read(literal(early, x(2)));
        } else if (what == "chain") {
                return chain((unsigned)std::stoul(words.at(1)));
        } else if (what == "define") {
                return define(x(1));
        } else if (what == "power") {
                return read(by(kj::heap<Power>(), x(1), x(2)));
        } else if (what == "divide") {
                auto get = calculator.getOperatorRequest();

                get.setOp(Calculator::Operator::DIVIDE);
                return read(by(get.send().getFunc(), x(1), x(2)));
        } else if (what == "parameter") {
                auto request = calculator.evaluateRequest();

                request.initExpression().setParameter(0);
                return read(request.send().getValue());
        } else if (what == "bytes") {
                auto n = (unsigned)std::stoul(words.at(1)) / 8;
                auto define = calculator.defFunctionRequest();

                define.setParamCount((int)n);
                define.initBody().setLiteral(1);
                auto call = define.send().getFunc().callRequest();
                call.initParams(n);
                wait(call.send().ignoreResult());
        } else if (what == "hang") {
                hanging.push_back(by(kj::heap<Never>(), 1, 2)
                                          .readRequest()
                                          .send()
                                          .then([](auto &&) -> std::string { return "{}"; },
                                                [](kj::Exception &&e) { return refusal(e); })
                                          .eagerlyEvaluate(nullptr));
        } else if (what == "hung") {
                auto first = kj::mv(hanging.front());

                hanging.pop_front();
                return wait(kj::mv(first));
        } else if (what == "logout") {
                logout();
        } else {
                KJ_FAIL_REQUIRE("no such command", what);
        }
        return "{}";
}

} // namespace

int main(int argc, char **argv)
{
        if (argc != 2) {
                std::cerr << "usage: " << argv[0] << " HOST:PORT\n";
                return 2;
        }

        Client client(argv[1]);

        return foreign::serve(client);
}
