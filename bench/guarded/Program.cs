// An API with one endpoint behind one guard, and what it has cost so far.
//   latchkey-bench-guarded latchkey|jwtbearer|none ISSUER RESOURCE URL
using System.Globalization;
using Latchkey.ResourceServer;
using Microsoft.AspNetCore.Authentication.JwtBearer;

var (guard, issuer, resource, url) = (args[0], args[1], args[2], args[3]);
var builder = WebApplication.CreateBuilder();
builder.WebHost.UseUrls(url);
builder.Logging.ClearProviders();
builder.Services.AddAuthorization();
if (guard == "latchkey")
{
    builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
    {
        options.Issuer = issuer;
        options.Resource = resource;
    });
}
else if (guard == "jwtbearer")
{
    // As its documentation shows it: issuer, audience, lifetime and signature are validated by default.
    builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options =>
    {
        options.Authority = issuer;
        options.Audience = resource;
        options.RequireHttpsMetadata = false;
    });
}

var app = builder.Build();
if (guard != "none")
{
    app.UseAuthentication();
    app.UseAuthorization();
}

var guarded = app.MapGet("/", () => "ok");
if (guard != "none") guarded.RequireAuthorization();
app.MapGet("/cost", () => string.Create(CultureInfo.InvariantCulture, $"{Environment.CpuUsage.TotalTime.TotalMicroseconds:F0} {GC.GetTotalAllocatedBytes(precise: true)}"));
app.Run();
