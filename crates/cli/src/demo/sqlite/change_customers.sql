update customers set email = 'moved' || id || '@shop.example' where id % 1000 = 1;
