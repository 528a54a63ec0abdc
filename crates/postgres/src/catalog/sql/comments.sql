-- Comments of user objects and of the schemas that were there from the start.
select d.classoid::regclass::text as class, d.objoid as oid, d.objsubid as part, d.description as value
from pg_description d
where d.objoid >= 16384
   or d.classoid = 'pg_namespace'::regclass and d.objoid = (select oid from pg_namespace where nspname = 'public')
