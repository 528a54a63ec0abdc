-- Options may hold a password: only their digest is kept.
select
  w.fdwname as path_1
, w.oid
, pg_get_userbyid(w.fdwowner) as owner
, nullif(w.fdwhandler, 0)::regprocedure::text as handler
, nullif(w.fdwvalidator, 0)::regprocedure::text as validator
, (select encode(sha256(convert_to(string_agg(o, ',' order by o), 'UTF8')), 'hex') from unnest(w.fdwoptions) o) as options_digest
, case when w.fdwacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(w.fdwacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('F', w.fdwowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('F', w.fdwowner)) i) as fact_default_privileges
, nullif(w.fdwhandler, 0) as fact_same_handler
, nullif(w.fdwvalidator, 0) as fact_same_validator
from pg_foreign_data_wrapper w
