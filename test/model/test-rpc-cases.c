/*
 * Lists of acts that once made the RPC core or the model fail, as the model printed them.
 */
#include "harness.h"
#include "model.h"

/* The peer that keeps the results for us passes the call on to a third one. */
TEST(tail_call_on_a_promise_that_came_with_the_call)
{
        static const struct model_act ACTS[] = {
                {1, ACT_BOOTSTRAP, 1, 2, 0, {0, 0, 0}}, {2, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},
                {3, ACT_CALL, 1, 96, 0, {80, 0, 0}},    {4, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {5, ACT_STEP, 0, 0, 770, {0, 0, 0}},    {6, ACT_END, 0, 145, 3, {1, 0, 0}},
        };

        model_replay(3, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* The last reference to the results goes while the call is told to take them from another one. */
TEST(canceled_while_it_begins_to_follow)
{
        static const struct model_act ACTS[] = {
                {213, ACT_OBJECT, 2, 0, 0, {0, 0, 0}},
                {228, ACT_CALL, 2, 3472, 0, {3472, 0, 0}},
                {264, ACT_STEP, 2, 0, 787, {0, 0, 0}},
                {277, ACT_BOOTSTRAP, 2, 1, 0, {0, 0, 0}},
                {278, ACT_PROMISE, 2, 0, 0, {0, 0, 0}},
                {551, ACT_CALL, 2, 4513, 0, {0, 0, 4288}},
                {552, ACT_DELIVER, 2, 1, 0, {0, 0, 0}},
                {685, ACT_OBJECT, 2, 0, 0, {0, 0, 0}},
                {1036, ACT_PEEK, 2, 8880, 0, {0, 0, 0}},
                {1638, ACT_FREE, 2, 8880, 0, {0, 0, 0}},
                {2423, ACT_BOOTSTRAP, 2, 3, 0, {0, 0, 0}},
                {2476, ACT_DELIVER, 2, 3, 0, {0, 0, 0}},
                {2493, ACT_COPY, 2, 38832, 0, {0, 0, 0}},
                {2496, ACT_STEP, 2, 0, 0, {0, 0, 0}},
                {2584, ACT_CALL, 2, 11024, 0, {39952, 0, 0}},
                {2598, ACT_DELIVER, 3, 2, 0, {0, 0, 0}},
                {2610, ACT_STEP, 2, 0, 1298, {0, 0, 0}},
                {2741, ACT_RESOLVE, 2, 4512, 0, {41824, 0, 0}},
                {2744, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},
                {2747, ACT_DELIVER, 2, 3, 0, {0, 0, 0}},
                {2764, ACT_STEP, 3, 0, 35, {3, 0, 0}},
                {2768, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
        };

        model_replay(4, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* Its result is null, and the reference lent before still waits for an embargo. */
TEST(null_result_peeked_under_an_embargo)
{
        static const struct model_act ACTS[] = {
                {80, ACT_BOOTSTRAP, 2, 1, 0, {0, 0, 0}},
                {93, ACT_PROMISE, 2, 1312, 0, {0, 0, 0}},
                {97, ACT_BROKEN, 1, 0, 0, {0, 0, 0}},
                {100, ACT_CALL, 2, 1344, 0, {0, 0, 0}},
                {106, ACT_CALL, 1, 1616, 0, {0, 0, 0}},
                {114, ACT_CALL, 1, 0, 0, {0, 0, 0}},
                {129, ACT_CALL, 2, 1553, 0, {0, 0, 0}},
                {134, ACT_PEEK, 2, 2128, 0, {0, 0, 0}},
                {226, ACT_RESOLVE, 2, 1552, 0, {1344, 0, 0}},
                {256, ACT_CALL, 2, 2208, 0, {0, 0, 0}},
                {259, ACT_BOOTSTRAP, 1, 2, 0, {0, 0, 0}},
                {316, ACT_DELIVER, 2, 1, 0, {0, 0, 0}},
                {328, ACT_STEP, 1, 0, 0, {0, 0, 0}},
                {339, ACT_STEP, 1, 0, 0, {0, 0, 0}},
                {354, ACT_STEP, 1, 0, 0, {0, 0, 0}},
                {361, ACT_STEP, 1, 0, 291, {4208, 0, 0}},
        };

        model_replay(3, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* The call was canceled before it was passed on: nobody takes the results, so nobody keeps them. */
TEST(tail_call_of_a_canceled_call)
{
        static const struct model_act ACTS[] = {
                {1, ACT_OBJECT, 1, 0, 0, {0, 0, 0}},  {2, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},
                {3, ACT_CALL, 1, 96, 0, {80, 0, 0}},  {4, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {5, ACT_STEP, 0, 0, 770, {0, 0, 0}},  {6, ACT_FREE, 1, 112, 0, {0, 0, 0}},
                {7, ACT_DELIVER, 1, 0, 0, {0, 0, 0}}, {8, ACT_END, 0, 145, 3, {1, 0, 0}},
        };

        model_replay(2, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* A question that has returned is canceled after its connection was closed, before the teardown. */
TEST(canceled_between_close_and_teardown)
{
        static const struct model_act ACTS[] = {
                {2, ACT_PROMISE, 1, 0, 0, {0, 0, 0}},    {15, ACT_CALL, 1, 97, 0, {0, 0, 0}},
                {23, ACT_CALL, 1, 97, 0, {0, 0, 0}},     {24, ACT_CALL, 1, 97, 0, {0, 0, 0}},
                {25, ACT_RESOLVE, 1, 96, 0, {0, 0, 0}},  {27, ACT_PROMISE, 0, 0, 0, {0, 0, 0}},
                {32, ACT_CALL, 1, 97, 0, {0, 0, 0}},     {33, ACT_BOOTSTRAP, 0, 1, 0, {0, 0, 0}},
                {36, ACT_STEP, 1, 0, 0, {0, 0, 0}},      {48, ACT_CALL, 0, 592, 0, {0, 0, 0}},
                {51, ACT_CALL, 0, 592, 0, {0, 0, 0}},    {52, ACT_BOOTSTRAP, 0, 1, 0, {0, 0, 0}},
                {59, ACT_CALL, 0, 896, 0, {497, 0, 0}},  {63, ACT_BOOTSTRAP, 0, 1, 0, {0, 0, 0}},
                {68, ACT_CALL, 1, 0, 0, {0, 0, 0}},      {173, ACT_PEEK, 0, 1008, 0, {0, 0, 0}},
                {198, ACT_STEP, 1, 0, 0, {0, 0, 0}},     {209, ACT_CALL, 0, 1072, 0, {2832, 0, 0}},
                {216, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},  {222, ACT_STEP, 1, 0, 0, {0, 0, 0}},
                {269, ACT_STEP, 1, 0, 0, {0, 0, 0}},     {293, ACT_STEP, 1, 0, 0, {0, 0, 0}},
                {332, ACT_STEP, 1, 0, 0, {0, 0, 0}},     {502, ACT_STEP, 1, 0, 0, {0, 0, 0}},
                {523, ACT_STEP, 1, 0, 1027, {1, 0, 0}},  {1923, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {1980, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},
        };

        model_replay(3, true, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* The result is named as a promise of ours, which by then is an object of the very peer. */
TEST(results_that_reflect_and_come_back)
{
        static const struct model_act ACTS[] = {
                {38, ACT_PROMISE, 1, 0, 0, {0, 0, 0}},  {58, ACT_BOOTSTRAP, 1, 3, 0, {0, 0, 0}},
                {67, ACT_CALL, 1, 992, 0, {0, 0, 0}},   {70, ACT_CALL, 1, 992, 0, {0, 673, 0}},
                {92, ACT_DELIVER, 1, 3, 0, {0, 0, 0}},  {119, ACT_STEP, 3, 0, 0, {0, 0, 0}},
                {122, ACT_STEP, 3, 0, 0, {0, 0, 2}},    {173, ACT_RESOLVE, 1, 672, 0, {992, 0, 0}},
                {188, ACT_PEEK, 1, 1184, 2, {0, 0, 0}}, {311, ACT_CALL, 1, 3072, 0, {0, 0, 0}},
                {576, ACT_DELIVER, 3, 1, 0, {0, 0, 0}}, {602, ACT_CALL, 1, 3072, 0, {0, 0, 0}},
        };

        model_replay(4, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* A relayed call is all that used a result, which then turns out to be ours. */
TEST(relayed_call_is_not_overtaken)
{
        static const struct model_act ACTS[] = {
                {56, ACT_PROMISE, 2, 0, 0, {0, 0, 0}},
                {70, ACT_BOOTSTRAP, 2, 1, 0, {0, 0, 0}},
                {100, ACT_OBJECT, 2, 0, 0, {0, 0, 0}},
                {102, ACT_CALL, 2, 1184, 0, {0, 0, 0}},
                {136, ACT_DELIVER, 2, 1, 0, {0, 0, 0}},
                {141, ACT_PEEK, 2, 1696, 1, {0, 0, 0}},
                {153, ACT_STEP, 1, 0, 530, {0, 0, 0}},
                {180, ACT_PEEK, 2, 1696, 0, {0, 0, 0}},
                {273, ACT_BOOTSTRAP, 1, 2, 0, {0, 0, 0}},
                {288, ACT_COPY, 2, 1184, 0, {0, 0, 0}},
                {289, ACT_COPY, 2, 2944, 0, {0, 0, 0}},
                {290, ACT_CALL, 2, 1664, 0, {0, 0, 4672}},
                {325, ACT_STEP, 2, 0, 1043, {0, 0, 0}},
                {337, ACT_CALL, 2, 1184, 0, {0, 0, 0}},
                {339, ACT_END, 1, 2512, 0, {0, 4432, 0}},
                {525, ACT_CALL, 2, 4688, 0, {0, 0, 0}},
                {530, ACT_CALL, 2, 2320, 0, {0, 0, 0}},
                {579, ACT_RESOLVE, 2, 960, 0, {5264, 0, 0}},
                {619, ACT_PEEK, 2, 8544, 0, {0, 0, 0}},
                {671, ACT_DELIVER, 2, 1, 1, {0, 0, 0}},
                {694, ACT_DELIVER, 2, 1, 224, {0, 0, 0}},
                {700, ACT_STEP, 2, 0, 0, {0, 0, 0}},
                {745, ACT_CALL, 2, 9968, 0, {0, 0, 0}},
                {746, ACT_STEP, 1, 0, 0, {0, 0, 0}},
                {890, ACT_DELIVER, 2, 1, 1, {0, 0, 0}},
                {893, ACT_DELIVER, 1, 2, 0, {0, 0, 0}},
                {894, ACT_STEP, 2, 0, 0, {0, 0, 0}},
                {898, ACT_STEP, 2, 0, 0, {0, 0, 0}},
                {907, ACT_STEP, 2, 0, 0, {0, 0, 0}},
                {922, ACT_STEP, 2, 0, 2, {0, 0, 0}},
                {1129, ACT_END, 2, 14816, 0, {961, 0, 0}},
                {1177, ACT_CALL, 2, 9968, 0, {0, 0, 0}},
        };

        model_replay(4, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* Results are taken from a call of the peer's, which returned something of that very peer. */
TEST(results_taken_from_a_call_keep_the_order)
{
        static const struct model_act ACTS[] = {
                {1, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}}, {2, ACT_OBJECT, 1, 0, 0, {0, 0, 0}},
                {3, ACT_CALL, 1, 80, 0, {0, 96, 0}},    {4, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {5, ACT_STEP, 0, 0, 3, {2, 0, 0}},      {6, ACT_PEEK, 1, 112, 2, {0, 0, 0}},
                {7, ACT_CALL, 1, 160, 0, {0, 0, 0}},    {8, ACT_DELIVER, 0, 1, 1, {0, 0, 0}},
                {9, ACT_DELIVER, 0, 1, 1, {0, 0, 0}},   {10, ACT_STEP, 1, 0, 0, {0, 0, 80}},
                {11, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},  {12, ACT_CALL, 1, 160, 0, {0, 0, 0}},
        };

        model_replay(2, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* What a promise that has crossed turns out to be comes with its descriptor. */
TEST(descriptor_comes_with_a_resolve)
{
        static const struct model_act ACTS[] = {
                {1, ACT_PROMISE, 1, 0, 0, {0, 0, 0}}, {2, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},
                {3, ACT_OBJECT, 1, 0, 1, {0, 0, 0}},  {4, ACT_CALL, 1, 96, 0, {81, 0, 0}},
                {5, ACT_DELIVER, 1, 0, 0, {0, 0, 0}}, {6, ACT_STEP, 0, 0, 256, {0, 0, 0}},
                {7, ACT_STEP, 0, 0, 256, {0, 0, 0}},  {8, ACT_RESOLVE, 1, 80, 0, {112, 0, 0}},
                {9, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
        };

        model_replay(2, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* It waited behind a stream call, and holds the object until it is passed on. */
TEST(passed_on_by_the_last_who_holds_the_object)
{
        static const struct model_act ACTS[] = {
                {157, ACT_OBJECT, 1, 0, 0, {0, 0, 0}},  {482, ACT_OBJECT, 1, 0, 0, {0, 0, 0}},
                {633, ACT_DROP, 1, 2576, 0, {0, 0, 0}}, {634, ACT_CALL, 1, 7776, 0, {0, 0, 0}},
                {636, ACT_STEP, 1, 0, 0, {0, 0, 0}},    {646, ACT_CALL, 1, 7776, 0, {0, 0, 0}},
                {661, ACT_STEP, 1, 0, 82, {0, 0, 0}},   {662, ACT_STEP, 1, 0, 0, {0, 0, 0}},
                {669, ACT_DROP, 1, 7776, 0, {0, 0, 0}}, {690, ACT_END, 1, 10640, 0, {0, 0, 0}},
                {693, ACT_STEP, 1, 0, 0, {0, 0, 0}},    {697, ACT_STEP, 1, 0, 51, {0, 0, 0}},
        };

        model_replay(2, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/*
 * The connection of a call ends, and all that is left of it here are its own results; the peer that
 * serves it has been told so when it says from which call to take them.
 */
TEST(given_up_and_then_passed_on_by_the_peer)
{
        static const struct model_act ACTS[] = {
                {3, ACT_PROMISE, 1, 0, 0, {0, 0, 0}},
                {17, ACT_BOOTSTRAP, 1, 2, 0, {0, 0, 0}},
                {101, ACT_MEMBRANE, 2, 0, 0, {0, 0, 0}},
                {109, ACT_CALL, 1, 113, 0, {0, 0, 0}},
                {154, ACT_PEEK, 1, 1808, 0, {0, 0, 0}},
                {166, ACT_CALL, 1, 2528, 0, {113, 0, 0}},
                {277, ACT_PROMISE, 0, 3824, 0, {0, 0, 0}},
                {287, ACT_CALL, 0, 4497, 0, {0, 0, 0}},
                {288, ACT_BOOTSTRAP, 2, 0, 0, {0, 0, 0}},
                {371, ACT_WRAP, 2, 1680, 0, {4672, 0, 0}},
                {514, ACT_RESOLVE, 1, 112, 0, {336, 0, 0}},
                {548, ACT_DELIVER, 1, 2, 0, {0, 0, 0}},
                {549, ACT_STEP, 2, 0, 0, {6000, 0, 0}},
                {586, ACT_PEEK, 1, 2720, 0, {0, 0, 0}},
                {603, ACT_RESOLVE, 0, 4496, 0, {0, 0, 0}},
                {623, ACT_DELIVER, 2, 0, 0, {0, 0, 0}},
                {625, ACT_STEP, 0, 0, 0, {0, 0, 0}},
                {628, ACT_STEP, 0, 0, 274, {0, 0, 0}},
                {793, ACT_CALL, 1, 9440, 0, {0, 0, 0}},
                {1025, ACT_DELIVER, 1, 2, 0, {0, 0, 0}},
                {1026, ACT_CLOSE, 2, 1, 0, {0, 0, 0}},
                {1029, ACT_END, 0, 10113, 35, {1, 0, 0}},
                {1033, ACT_STEP, 2, 0, 0, {0, 0, 0}},
        };

        model_replay(3, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* There is no memory for the window: neither the stream call nor what its target hangs on is sent.
 */
TEST(refused_stream_call_on_an_unsent_question)
{
        static const struct model_act ACTS[] = {
                {130, ACT_OBJECT, 1, 0, 0, {0, 0, 0}},   {470, ACT_CALL, 1, 2144, 1537, {0, 0, 0}},
                {730, ACT_PEEK, 1, 7584, 0, {0, 0, 0}},  {836, ACT_STARVE, 0, 0, 11, {0, 0, 0}},
                {844, ACT_CALL, 1, 11744, 2, {0, 0, 0}}, {848, ACT_COPY, 1, 11744, 0, {0, 0, 0}},
                {966, ACT_CALL, 1, 2144, 0, {0, 0, 0}},  {1020, ACT_CALL, 1, 13632, 0, {0, 0, 0}},
        };

        model_replay(3, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* An argument that names results which the peer keeps for a call of its own. */
TEST(descriptor_stays_where_results_are_kept)
{
        static const struct model_act ACTS[] = {
                {250, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},
                {391, ACT_OBJECT, 1, 0, 1, {0, 0, 0}},
                {526, ACT_CALL, 1, 4064, 0, {6320, 0, 0}},
                {531, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {534, ACT_STEP, 0, 0, 786, {0, 0, 0}},
                {786, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},
                {858, ACT_CALL, 1, 12640, 0, {0, 0, 0}},
                {872, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {884, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},
                {889, ACT_STEP, 0, 0, 563, {8608, 0, 0}},
                {892, ACT_DELIVER, 0, 1, 1, {0, 0, 0}},
                {898, ACT_STEP, 1, 0, 1538, {0, 0, 0}},
                {909, ACT_PEEK, 1, 13792, 2, {0, 0, 0}},
                {915, ACT_CALL, 1, 12640, 0, {0, 14608, 0}},
                {958, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {959, ACT_STEP, 0, 0, 1844, {0, 0, 0}},
                {1026, ACT_END, 1, 14432, 0, {0, 0, 6320}},
        };

        model_replay(3, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* A call that was passed on returns after its connection was closed, before the teardown. */
TEST(returned_between_close_and_teardown)
{
        static const struct model_act ACTS[] = {
                {11, ACT_OBJECT, 2, 0, 0, {0, 0, 0}},     {35, ACT_CALL, 2, 240, 0, {0, 0, 0}},
                {70, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},  {78, ACT_BOOTSTRAP, 1, 2, 0, {0, 0, 0}},
                {91, ACT_CALL, 1, 1312, 0, {1184, 0, 0}}, {193, ACT_DELIVER, 1, 2, 0, {0, 0, 0}},
                {195, ACT_STEP, 2, 0, 0, {0, 0, 0}},      {209, ACT_STEP, 2, 0, 1315, {0, 0, 0}},
                {471, ACT_CALL, 2, 3408, 0, {0, 0, 0}},   {525, ACT_DELIVER, 2, 1, 0, {0, 0, 0}},
                {571, ACT_CLOSE, 1, 2, 0, {0, 0, 0}},     {583, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {586, ACT_STEP, 0, 0, 0, {0, 0, 0}},      {595, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},
        };

        model_replay(3, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* What was narrow is null by then; the call waits on, and what comes behind it has to. */
TEST(not_overtaken_when_nothing_is_narrow_any_more)
{
        static const struct model_act ACTS[] = {
                {1, ACT_PROMISE, 0, 0, 0, {0, 0, 0}},  {2, ACT_MEMBRANE, 0, 0, 0, {0, 0, 0}},
                {3, ACT_WRAP, 0, 96, 3, {81, 0, 0}},   {4, ACT_BOOTSTRAP, 0, 1, 0, {0, 0, 0}},
                {5, ACT_WRAP, 0, 96, 0, {128, 0, 0}},  {6, ACT_CALL, 0, 144, 0, {0, 0, 0}},
                {7, ACT_RESOLVE, 0, 80, 0, {0, 0, 0}}, {8, ACT_CALL, 0, 144, 0, {0, 0, 0}},
        };

        model_replay(2, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* What one membrane keeps leads to the other's, and that back to the first. */
TEST(a_ring_by_what_is_narrow)
{
        static const struct model_act ACTS[] = {
                {90, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},
                {130, ACT_COPY, 1, 1504, 0, {0, 0, 0}},
                {250, ACT_PROMISE, 1, 0, 0, {0, 0, 0}},
                {258, ACT_CALL, 1, 4065, 0, {0, 0, 0}},
                {263, ACT_MEMBRANE, 1, 0, 0, {0, 0, 0}},
                {324, ACT_CALL, 1, 4065, 1537, {0, 0, 0}},
                {336, ACT_WRAP, 1, 4272, 0, {2144, 0, 0}},
                {487, ACT_PEEK, 1, 5248, 0, {0, 0, 0}},
                {527, ACT_OBJECT, 0, 0, 0, {0, 0, 0}},
                {543, ACT_WRAP, 1, 4272, 0, {4065, 0, 0}},
                {559, ACT_MEMBRANE, 0, 0, 0, {0, 0, 0}},
                {578, ACT_RESOLVE, 1, 4064, 0, {2144, 0, 0}},
                {587, ACT_CALL, 1, 5440, 0, {0, 0, 0}},
                {643, ACT_CALL, 1, 7856, 0, {0, 0, 0}},
                {663, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {684, ACT_STEP, 0, 0, 0, {0, 0, 0}},
                {697, ACT_STEP, 0, 0, 0, {0, 0, 0}},
                {752, ACT_STEP, 0, 0, 1540, {0, 0, 0}},
                {957, ACT_WRAP, 0, 9008, 0, {8496, 0, 0}},
                {1310, ACT_CALL, 1, 8752, 0, {7856, 0, 0}},
                {1390, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {1395, ACT_STEP, 0, 0, 785, {0, 0, 0}},
                {1514, ACT_RESOLVE, 0, 12096, 0, {15376, 0, 0}},
                {2526, ACT_WRAP, 0, 9008, 3, {22384, 0, 0}},
        };

        model_replay(2, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* Two membranes of one vat are in a ring: what revokes one ends the other. */
TEST(a_ring_of_two_membranes_by_what_is_narrow)
{
        static const struct model_act ACTS[] = {
                {13, ACT_BOOTSTRAP, 2, 4, 0, {0, 0, 0}},
                {24, ACT_MEMBRANE, 2, 0, 0, {0, 0, 0}},
                {28, ACT_DELIVER, 2, 4, 0, {0, 0, 0}},
                {48, ACT_WRAP, 2, 448, 0, {272, 0, 0}},
                {52, ACT_DELIVER, 4, 2, 0, {0, 0, 0}},
                {67, ACT_WRAP, 2, 448, 0, {832, 0, 0}},
                {184, ACT_MEMBRANE, 2, 448, 0, {0, 0, 0}},
                {186, ACT_WRAP, 2, 448, 3, {1136, 0, 0}},
                {267, ACT_MEMBRANE, 2, 448, 0, {0, 0, 0}},
                {280, ACT_PROMISE, 4, 0, 0, {0, 0, 0}},
                {291, ACT_CALL, 4, 4545, 0, {0, 0, 0}},
                {331, ACT_WRAP, 2, 4336, 0, {832, 0, 0}},
                {338, ACT_RESOLVE, 4, 4544, 0, {0, 0, 0}},
                {362, ACT_PEEK, 4, 4720, 0, {0, 0, 0}},
                {366, ACT_CALL, 4, 4545, 0, {0, 0, 0}},
                {369, ACT_CALL, 2, 5360, 0, {0, 0, 1136}},
                {371, ACT_STEP, 4, 0, 0, {0, 0, 0}},
                {424, ACT_DELIVER, 2, 4, 0, {0, 0, 0}},
                {426, ACT_STEP, 4, 0, 0, {0, 0, 0}},
                {433, ACT_STEP, 4, 0, 1843, {0, 0, 0}},
                {469, ACT_WRAP, 2, 3008, 0, {5360, 0, 0}},
                {531, ACT_MEMBRANE, 4, 0, 0, {0, 0, 0}},
                {532, ACT_WRAP, 4, 8560, 0, {6992, 0, 0}},
                {603, ACT_WRAP, 4, 8560, 0, {8576, 0, 0}},
                {619, ACT_CALL, 4, 8576, 0, {0, 5856, 9712}},
                {651, ACT_CALL, 2, 1136, 0, {0, 0, 0}},
                {747, ACT_DELIVER, 4, 2, 0, {0, 0, 0}},
                {758, ACT_WRAP, 2, 4336, 3, {7568, 0, 0}},
                {771, ACT_DELIVER, 2, 4, 0, {0, 0, 0}},
                {788, ACT_STEP, 4, 0, 0, {0, 0, 0}},
                {793, ACT_STEP, 4, 0, 1793, {0, 0, 0}},
                {840, ACT_WRAP, 4, 8560, 3, {12753, 0, 0}},
        };

        model_replay(5, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* A call waits for a result that the peer keeps for itself: what it is is never said. */
TEST(a_narrow_way_to_results_that_stay_there)
{
        static const struct model_act ACTS[] = {
                {12, ACT_BOOTSTRAP, 0, 4, 0, {0, 0, 0}},
                {68, ACT_CALL, 0, 256, 0, {0, 0, 0}},
                {242, ACT_PROMISE, 4, 0, 0, {0, 0, 0}},
                {254, ACT_MEMBRANE, 0, 0, 0, {0, 0, 0}},
                {289, ACT_PEEK, 0, 1152, 0, {0, 0, 0}},
                {375, ACT_PROMISE, 0, 0, 0, {0, 0, 0}},
                {382, ACT_WRAP, 0, 4128, 0, {4688, 0, 0}},
                {408, ACT_BOOTSTRAP, 4, 0, 0, {0, 0, 0}},
                {421, ACT_MEMBRANE, 0, 4128, 0, {0, 0, 0}},
                {464, ACT_WRAP, 0, 4128, 3, {6065, 0, 0}},
                {491, ACT_CALL, 4, 6592, 0, {3937, 0, 0}},
                {570, ACT_DELIVER, 4, 0, 0, {0, 0, 0}},
                {722, ACT_WRAP, 0, 6800, 0, {6176, 0, 0}},
                {825, ACT_PROMISE, 0, 9376, 0, {0, 0, 0}},
                {855, ACT_CALL, 0, 13265, 2322, {0, 0, 0}},
                {896, ACT_RESOLVE, 0, 13264, 0, {11616, 0, 0}},
                {931, ACT_DELIVER, 0, 4, 0, {0, 0, 0}},
                {984, ACT_STEP, 0, 0, 259, {1, 0, 0}},
                {1502, ACT_PEEK, 4, 7920, 0, {0, 0, 0}},
                {1525, ACT_STEP, 4, 0, 1282, {0, 0, 0}},
                {1576, ACT_FLUSH, 0, 13265, 0, {0, 0, 0}},
                {1582, ACT_END, 4, 24464, 0, {24096, 0, 0}},
        };

        model_replay(5, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* … and one who holds it by way of us waits to be told. */
TEST(who_holds_results_that_stay_there_is_told)
{
        static const struct model_act ACTS[] = {
                {178, ACT_BOOTSTRAP, 3, 4, 0, {0, 0, 0}},
                {207, ACT_PROMISE, 3, 0, 0, {0, 0, 0}},
                {231, ACT_BOOTSTRAP, 4, 2, 0, {0, 0, 0}},
                {276, ACT_BOOTSTRAP, 3, 0, 0, {0, 0, 0}},
                {311, ACT_CALL, 3, 3377, 0, {0, 4480, 0}},
                {357, ACT_PEEK, 3, 5040, 0, {0, 0, 0}},
                {379, ACT_RESOLVE, 3, 3376, 0, {2912, 0, 0}},
                {382, ACT_CALL, 3, 2912, 0, {5776, 0, 0}},
                {407, ACT_DELIVER, 3, 4, 0, {0, 0, 0}},
                {432, ACT_STEP, 4, 0, 771, {2, 0, 0}},
                {557, ACT_STEP, 4, 0, 1812, {0, 0, 0}},
                {600, ACT_CALL, 4, 3760, 0, {0, 8976, 0}},
                {696, ACT_DELIVER, 4, 2, 0, {0, 0, 0}},
                {741, ACT_STEP, 2, 0, 788, {0, 0, 0}},
                {757, ACT_MEMBRANE, 2, 0, 0, {0, 0, 0}},
                {808, ACT_WRAP, 2, 12176, 3, {11920, 0, 0}},
                {822, ACT_CALL, 2, 12992, 0, {0, 0, 0}},
        };

        model_replay(5, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* A reference to what a peer keeps goes on to others, and no more is said about it there, either.
 */
TEST(what_stays_there_is_handed_on)
{
        static const struct model_act ACTS[] = {
                {43, ACT_PROMISE, 0, 0, 0, {0, 0, 0}},
                {49, ACT_BOOTSTRAP, 3, 1, 0, {0, 0, 0}},
                {52, ACT_CALL, 3, 848, 0, {0, 0, 0}},
                {139, ACT_PEEK, 3, 896, 0, {0, 0, 0}},
                {157, ACT_BOOTSTRAP, 0, 2, 0, {0, 0, 0}},
                {173, ACT_RESOLVE, 0, 752, 0, {2576, 0, 0}},
                {257, ACT_DELIVER, 0, 2, 0, {0, 0, 0}},
                {258, ACT_CALL, 3, 2288, 0, {0, 0, 0}},
                {330, ACT_BOOTSTRAP, 0, 2, 0, {0, 0, 0}},
                {346, ACT_BOOTSTRAP, 4, 0, 0, {0, 0, 0}},
                {359, ACT_CALL, 4, 5600, 0, {0, 5600, 0}},
                {396, ACT_PEEK, 3, 4192, 0, {0, 0, 0}},
                {412, ACT_DELIVER, 4, 0, 0, {0, 0, 0}},
                {425, ACT_STEP, 0, 0, 531, {0, 0, 0}},
                {434, ACT_OBJECT, 4, 0, 0, {0, 0, 0}},
                {673, ACT_OBJECT, 3, 0, 0, {0, 0, 0}},
                {741, ACT_BOOTSTRAP, 3, 2, 0, {0, 0, 0}},
                {750, ACT_BOOTSTRAP, 4, 2, 0, {0, 0, 0}},
                {788, ACT_CALL, 3, 11920, 0, {0, 10832, 0}},
                {814, ACT_DELIVER, 3, 2, 0, {0, 0, 0}},
                {828, ACT_DELIVER, 2, 0, 0, {0, 0, 0}},
                {831, ACT_CALL, 0, 5344, 0, {0, 0, 0}},
                {834, ACT_DELIVER, 3, 2, 0, {0, 0, 0}},
                {857, ACT_STEP, 2, 0, 546, {0, 0, 0}},
                {862, ACT_DELIVER, 2, 3, 0, {0, 0, 0}},
                {894, ACT_DELIVER, 4, 2, 0, {0, 0, 0}},
                {896, ACT_CALL, 0, 753, 0, {0, 0, 6864}},
                {1042, ACT_DELIVER, 0, 2, 0, {0, 0, 0}},
                {1059, ACT_STEP, 2, 0, 0, {0, 0, 0}},
                {1060, ACT_STEP, 2, 0, 1282, {0, 0, 0}},
                {1155, ACT_CALL, 2, 13776, 0, {0, 0, 0}},
                {1242, ACT_CALL, 4, 7008, 0, {0, 7008, 0}},
                {1244, ACT_CALL, 2, 13776, 0, {0, 17024, 0}},
                {1263, ACT_STEP, 4, 0, 547, {0, 0, 0}},
                {1307, ACT_DELIVER, 2, 3, 0, {0, 0, 0}},
                {1336, ACT_PEEK, 3, 12672, 0, {0, 0, 0}},
                {1344, ACT_CALL, 4, 12064, 0, {20272, 0, 20272}},
                {1364, ACT_STEP, 3, 0, 0, {0, 0, 0}},
                {1366, ACT_DELIVER, 2, 3, 0, {0, 0, 0}},
                {1374, ACT_DELIVER, 3, 2, 0, {0, 0, 0}},
                {1375, ACT_STEP, 3, 0, 1842, {0, 0, 0}},
                {1381, ACT_DELIVER, 4, 2, 0, {0, 0, 0}},
                {1384, ACT_DELIVER, 2, 4, 0, {0, 0, 0}},
                {1387, ACT_STEP, 2, 0, 0, {0, 0, 0}},
                {1396, ACT_STEP, 2, 0, 1282, {0, 0, 0}},
                {1398, ACT_OBJECT, 3, 0, 1, {0, 0, 0}},
                {1479, ACT_CALL, 3, 6400, 0, {0, 0, 0}},
                {1668, ACT_PEEK, 3, 23728, 0, {0, 0, 0}},
                {1766, ACT_DELIVER, 2, 0, 0, {0, 0, 0}},
                {1768, ACT_DELIVER, 2, 0, 0, {0, 0, 0}},
                {2001, ACT_CALL, 2, 22401, 0, {0, 0, 13776}},
                {2005, ACT_STEP, 4, 0, 0, {0, 0, 0}},
                {2006, ACT_DELIVER, 4, 2, 0, {0, 0, 0}},
                {2028, ACT_DELIVER, 2, 4, 0, {0, 0, 0}},
                {2040, ACT_STEP, 4, 0, 1568, {0, 0, 0}},
                {2068, ACT_CALL, 3, 22064, 0, {21440, 21440, 26752}},
                {2176, ACT_DELIVER, 3, 2, 0, {0, 0, 0}},
                {2182, ACT_STEP, 0, 0, 0, {0, 0, 0}},
                {2187, ACT_DELIVER, 4, 2, 0, {0, 0, 0}},
                {2275, ACT_DELIVER, 2, 0, 0, {0, 0, 0}},
                {2296, ACT_STEP, 0, 0, 1794, {0, 0, 0}},
                {2299, ACT_CALL, 4, 32704, 0, {0, 0, 0}},
                {2403, ACT_END, 0, 36803, 0, {0, 0, 0}},
                {2421, ACT_DELIVER, 0, 2, 0, {0, 0, 0}},
                {2602, ACT_DELIVER, 4, 2, 0, {0, 0, 0}},
                {2610, ACT_END, 2, 13777, 3, {2, 0, 0}},
                {2676, ACT_DELIVER, 2, 3, 0, {0, 0, 0}},
                {2687, ACT_STEP, 3, 0, 0, {0, 0, 0}},
                {2720, ACT_STEP, 3, 0, 0, {0, 0, 0}},
                {2733, ACT_STEP, 3, 0, 0, {22432, 0, 0}},
        };

        model_replay(5, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/*
 * What a call without a Return has brought is a promise of its caller's, which that decides to be
 * another of the results; a third vat is between the two. Only the end of a connection ends it.
 */
TEST(ring_of_the_results_of_a_call_without_a_return)
{
        static const struct model_act ACTS[] = {
                {775, ACT_PROMISE, 3, 0, 0, {0, 0, 0}},
                {856, ACT_BOOTSTRAP, 3, 0, 0, {0, 0, 0}},
                {1020, ACT_RESOLVE, 3, 12464, 0, {13760, 0, 0}},
                {1321, ACT_BOOTSTRAP, 3, 1, 0, {0, 0, 0}},
                {1433, ACT_BOOTSTRAP, 0, 1, 0, {0, 0, 0}},
                {1480, ACT_OBJECT, 3, 0, 0, {0, 0, 0}},
                {1615, ACT_CALL, 3, 21200, 32, {0, 0, 23744}},
                {1747, ACT_DELIVER, 3, 1, 0, {0, 0, 0}},
                {1752, ACT_STEP, 1, 0, 1024, {0, 0, 0}},
                {1917, ACT_CALL, 0, 22992, 160, {0, 0, 0}},
                {1993, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},
                {2063, ACT_STEP, 1, 0, 3, {28096, 0, 0}},
                {2168, ACT_DELIVER, 1, 3, 0, {0, 0, 0}},
                {2177, ACT_STEP, 3, 0, 3, {12465, 0, 0}},
                {2318, ACT_DELIVER, 3, 0, 0, {0, 0, 0}},
                {2330, ACT_STEP, 0, 0, 4, {0, 0, 0}},
                {3695, ACT_RESOLVE, 0, 37344, 0, {30737, 0, 0}},
        };

        model_replay(5, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* The same of a call that was passed on to the peer that it came from, which keeps the results. */
TEST(ring_of_the_results_that_a_peer_keeps)
{
        static const struct model_act ACTS[] = {
                {1, ACT_BOOTSTRAP, 0, 1, 0, {0, 0, 0}}, {2, ACT_BOOTSTRAP, 1, 0, 0, {0, 0, 0}},
                {3, ACT_BOOTSTRAP, 0, 2, 0, {0, 0, 0}}, {4, ACT_BOOTSTRAP, 1, 2, 0, {0, 0, 0}},
                {5, ACT_CALL, 0, 112, 0, {0, 0, 0}},    {6, ACT_DELIVER, 0, 2, 0, {0, 0, 0}},
                {7, ACT_STEP, 2, 0, 4, {0, 0, 0}},      {8, ACT_DELIVER, 2, 0, 0, {0, 0, 0}},
                {30, ACT_STEP, 0, 0, 0, {0, 0, 0}},     {9, ACT_PEEK, 0, 144, 0, {0, 0, 0}},
                {10, ACT_CALL, 0, 80, 0, {0, 0, 0}},    {11, ACT_PEEK, 0, 224, 2, {0, 0, 0}},
                {12, ACT_CALL, 0, 80, 0, {240, 0, 0}},  {13, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},
                {14, ACT_STEP, 1, 0, 2, {0, 0, 0}},     {15, ACT_STEP, 1, 0, 256, {0, 0, 0}},
                {16, ACT_END, 1, 288, 3, {96, 0, 0}},   {17, ACT_DELIVER, 1, 0, 0, {0, 0, 0}},
                {18, ACT_STEP, 0, 0, 0, {0, 0, 0}},     {19, ACT_STEP, 0, 0, 0, {208, 0, 0}},
                {20, ACT_CALL, 1, 128, 0, {304, 0, 0}}, {21, ACT_DELIVER, 1, 2, 0, {0, 0, 0}},
                {22, ACT_STEP, 2, 0, 256, {0, 0, 0}},   {23, ACT_RESOLVE, 2, 176, 0, {416, 0, 0}},
        };

        model_replay(3, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}

/* Two vats are enough where the result is wrapped in a membrane of its holder's. */
TEST(ring_of_results_by_way_of_a_membrane)
{
        static const struct model_act ACTS[] = {
                {1, ACT_BOOTSTRAP, 0, 1, 0, {0, 0, 0}},  {2, ACT_PROMISE, 0, 0, 0, {0, 0, 0}},
                {9, ACT_CALL, 0, 80, 0, {97, 0, 0}},     {10, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},
                {11, ACT_STEP, 1, 0, 256, {0, 0, 0}},    {3, ACT_CALL, 0, 80, 160, {0, 0, 0}},
                {4, ACT_DELIVER, 0, 1, 0, {0, 0, 0}},    {5, ACT_STEP, 1, 0, 0, {240, 0, 0}},
                {6, ACT_MEMBRANE, 0, 0, 0, {0, 0, 0}},   {7, ACT_WRAP, 0, 160, 0, {113, 0, 0}},
                {8, ACT_RESOLVE, 0, 96, 0, {176, 0, 0}},
        };

        model_replay(2, false, ACTS, sizeof(ACTS) / sizeof(ACTS[0]));
}
