"""Every row of the fault matrix and the test that holds it; test_matrix.py checks that each of them is there.

Paths are relative to tests/. Times are shortened where only their length in leases counts: leases last 3 s instead of
45, a grace 0.2 s instead of 30, and Redis is away for as long as jobs take to run without it instead of for 60 s.

API killed after COMMIT, before the ring
    integration/faults/test_api.py::test_killed_after_the_commit_and_before_the_ring
Redis FLUSHALL
    integration/faults/test_redis.py::test_emptied
Redis kill -9
    integration/faults/test_redis.py::test_killed_and_started_again
Redis 60 s down
    integration/faults/test_redis.py::test_away_for_a_while
Redis behind a blackholed socket
    integration/faults/test_redis.py::test_deaf
Redis READONLY after a failover
    integration/faults/test_redis.py::test_read_only_after_a_failover
worker kill -9 after pop
    integration/worker/test_deaths.py::test_a_death_after_the_ring_was_taken_costs_nothing
worker kill -9 after claim, mid-step, before and after PUT, before and after commit
    integration/worker/test_deaths.py::test_a_death_at_any_place_leaves_one_result
orphan objects collected
    integration/faults/test_worker.py::test_what_a_killed_worker_stored_is_collected
zombie: SIGSTOP past the lease, SIGCONT
    integration/faults/test_worker.py::test_a_zombie_that_was_about_to_finish_changes_nothing
    integration/worker/test_deaths.py::test_a_zombie_writes_nothing_and_removes_what_it_stored
zombie inside its commit, with the row locked
    integration/faults/test_worker.py::test_a_worker_frozen_in_its_commit_holds_up_no_reaper
the same message 100 times
    integration/faults/test_worker.py::test_the_same_ring_a_hundred_times_is_one_run
poison job in a batch of 8
    integration/worker/test_deaths.py::test_a_poison_job_takes_no_neighbour_along
PostgreSQL restart
    integration/faults/test_database.py::test_a_restart_that_outlasts_every_lease_costs_no_job_an_attempt
    integration/keeper/test_reap.py::test_after_a_restart_of_postgresql_a_new_keeper_leaves_the_living_their_jobs
pg_terminate_backend at commit
    integration/faults/test_database.py::test_a_session_cut_at_the_commit_of_a_result
    integration/faults/test_database.py::test_a_session_cut_at_the_commit_of_a_submit
commit acknowledged, reply lost
    integration/faults/test_database.py::test_the_answer_to_a_committed_result_is_lost
    integration/faults/test_database.py::test_the_answer_to_a_committed_submit_is_lost
S3 500
    integration/faults/test_objects.py::test_answers_of_500_are_tried_again
S3 slow
    integration/faults/test_objects.py::test_a_put_that_takes_longer_than_a_lease
S3 down
    integration/faults/test_objects.py::test_a_store_that_is_away_is_waited_for
clock skew of an hour on a worker
    integration/faults/test_clock.py::test_an_hour_changes_nothing
hung step
    integration/worker/test_deaths.py::test_a_hung_step_ends_the_process_and_its_jobs_come_back_alone
    integration/worker/test_deaths.py::test_a_fleet_starts_a_hung_process_again
SIGTERM with a grace, repeatedly
    integration/faults/test_drain.py::test_a_job_that_is_drained_again_and_again_pays_nothing_for_it
    integration/worker/test_drain.py::test_what_fits_the_grace_is_finished_and_the_rest_is_given_back_at_once
two keepers, two workers
    integration/faults/test_keepers.py::test_two_claimers_of_quick_jobs_never_get_the_same
    integration/faults/test_keepers.py::test_two_keepers_and_two_workers_run_each_job_once
SQLite under 8 processes
    integration/faults/test_sqlite.py::test_eight_processes_wait_for_each_other
webhook receiver dies after answering 200
    integration/webhooks/test_delivering.py::test_a_receiver_that_dies_after_answering_gets_the_same_id_again_on_request
keeper dies after sending a webhook, before recording
    integration/faults/test_webhooks.py::test_the_same_id_comes_again_after_a_keeper_died_before_it_recorded
"""
