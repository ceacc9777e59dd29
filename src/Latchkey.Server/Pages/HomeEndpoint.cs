using Latchkey.Server.Hosting;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Pages;

/// <summary>The start page.</summary>
internal sealed class HomeEndpoint(ServerOptions options)
{
    public Task HandleAsync(HttpContext context) => context.WritePageAsync(HomePage.Create(new HomeView(options.Issuer)));
}
