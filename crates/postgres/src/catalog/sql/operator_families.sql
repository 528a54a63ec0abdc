-- With their operators and support functions, those of their classes included.
select
  n.nspname as path_1
, f.opfname || ' using ' || a.amname as path_2
, f.oid
, pg_get_userbyid(f.opfowner) as owner
, (select string_agg(o.amopstrategy || ' ' || o.amopopr::regoperator::text || ' ' || o.amoppurpose::text
     || coalesce(' ' || (select s.opfname from pg_opfamily s where s.oid = o.amopsortfamily), ''), ', ' order by o.amopstrategy, o.amopopr::regoperator::text)
   from pg_amop o where o.amopfamily = f.oid) as operators
, (select string_agg(p.amprocnum || ' (' || format_type(p.amproclefttype, null) || ', ' || format_type(p.amprocrighttype, null) || ') '
     || p.amproc::oid::regprocedure::text, ', ' order by p.amprocnum, p.amproc::oid::regprocedure::text)
   from pg_amproc p where p.amprocfamily = f.oid) as functions
from pg_opfamily f
join pg_am a on a.oid = f.opfmethod
join pg_namespace n on n.oid = f.opfnamespace
where f.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
