/* Linked with the libraries of sluice and doing nothing: what is left is the loader's time. */
int main(void)
{
	return 0;
}
