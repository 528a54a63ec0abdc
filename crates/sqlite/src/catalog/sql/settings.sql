-- The numbers that applications keep in the file's header.
select 'user_version' as name, user_version as value from pragma_user_version
union all
select 'application_id', application_id from pragma_application_id;
