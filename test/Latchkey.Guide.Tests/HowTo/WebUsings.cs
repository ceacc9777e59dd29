// What a project of Microsoft.NET.Sdk.Web has without asking, so that the pages' own usings are all that a new app needs beside them.
global using Microsoft.AspNetCore.Builder;
global using Microsoft.AspNetCore.Http;
global using Microsoft.Extensions.DependencyInjection;
global using Microsoft.Extensions.Hosting;
