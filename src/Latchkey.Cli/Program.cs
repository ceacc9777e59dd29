using Latchkey.Cli;

return await CommandLine.RunAsync(args);
