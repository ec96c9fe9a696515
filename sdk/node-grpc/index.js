'use strict';

// Clients of the gRPC services for Node: a class a service, a promise an rpc. Streams are those of
// @grpc/grpc-js. The types come from specs/budget.proto as it is.

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');

const proto = loadSync(path.join(__dirname, '..', '..', 'specs', 'budget.proto'), {
  enums: String,
  longs: Number,
  arrays: true,
});
const services = grpc.loadPackageDefinition(proto).budget.v1;

/** A client class of one service. `token`: an access token; without `credentials` it is plaintext. */
function clientOf(name, Service) {
  const Client = class {
    constructor(address, { token, credentials = grpc.credentials.createInsecure(), ...options } = {}) {
      this.token = token;
      this.stub = new Service(address, credentials, options);
    }

    metadata() {
      const metadata = new grpc.Metadata();
      if (this.token) metadata.set('authorization', `Bearer ${this.token}`);
      return metadata;
    }

    close() {
      this.stub.close();
    }
  };
  Object.defineProperty(Client, 'name', { value: `${name}Client` });
  for (const [rpc, method] of Object.entries(Service.service)) {
    const called = rpc[0].toLowerCase() + rpc.slice(1);
    Client.prototype[called] = method.requestStream
      ? function (callback) {
          return this.stub[called](this.metadata(), callback);
        }
      : method.responseStream
        ? function (request = {}) {
            return this.stub[called](request, this.metadata());
          }
        : function (request = {}, options = {}) {
            return new Promise((resolve, reject) => {
              this.stub[called](request, this.metadata(), options, (error, answer) =>
                error ? reject(error) : resolve(answer),
              );
            });
          };
  }
  return Client;
}

for (const [name, Service] of Object.entries(services)) {
  if (Service.service) exports[`${name}Client`] = clientOf(name, Service);
}
